using Realtime.Tests.Shared;
using Xunit.Sdk;
using Xunit.v3;

[assembly: AssemblyFixture(typeof(PostgresFixture))]

// Bounds are measured, with all processes on one machine: one cluster at a time.
[assembly: Parallelization(Mode = ParallelMode.None)]
