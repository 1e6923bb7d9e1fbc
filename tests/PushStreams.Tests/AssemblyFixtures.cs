[assembly: AssemblyFixture(typeof(SharedCluster))]

// The meter is one for the process: tests that count would count each other's calls.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
