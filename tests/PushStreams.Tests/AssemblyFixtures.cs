using Xunit.Sdk;
using Xunit.v3;

[assembly: AssemblyFixture(typeof(SharedCluster))]

// The meter is one for the process: tests that count would count each other's calls.
[assembly: Parallelization(Mode = ParallelMode.None)]
