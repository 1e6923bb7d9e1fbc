using Realtime.SignalR.Tests;
using Xunit.Sdk;
using Xunit.v3;

[assembly: AssemblyFixture(typeof(SharedServers))]

// What is for everybody reaches the clients of every test.
[assembly: Parallelization(Mode = ParallelMode.None)]
