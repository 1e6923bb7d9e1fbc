using Realtime.Bench;
using Realtime.Bench.Machines;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;

// Exit codes as those of ./realtime: 0 done, 1 failed or something was lost, 2 wrong use.
var root = Environment.GetEnvironmentVariable("REALTIME_ROOT") ?? Environment.CurrentDirectory; // set by ./realtime
try
{
    var options = Options.Parse(args, root);
    if (!OperatingSystem.IsLinux())
    {
        Console.Error.WriteLine("bench: it needs Linux: epoll, taskset and /proc");
        return 1;
    }
    var failed = 0;
    Console.WriteLine($"bench: {Machine.Description}");
    foreach (var scenario in options.Scenarios)
    {
        if (scenario.Missing(options) is { } reason)
        {
            Console.WriteLine($"\n{scenario.Name}: refused, {reason}");
            failed += options.Scenarios.Count == Realtime.Bench.Scenarios.Scenario.All.Length ? 0 : 1;
            continue;
        }
        if (scenario.SharesCores)
            Cores.Share();
        else
            Cores.Separate();
        var section = new Section(scenario.Name, scenario.Title, options);
        try
        {
            scenario.Run(options, section);
        }
        catch (Exception exception)
        {
            // Whatever it is: the servers have been stopped on the way here, and the other scenarios can go on.
            section.Fail($"It did not come to an end: {exception.Message}");
        }
        failed += section.IsValid ? 0 : 1;
        var results = Results.Read(options.Output); // another one may have run meanwhile
        results.Put(section);
        results.Write();
    }
    Console.WriteLine($"\nbench: results in {Path.GetRelativePath(root, Path.Combine(options.Output, Results.Name))}");
    return failed == 0 ? 0 : 1;
}
catch (UsageException exception)
{
    Console.Error.WriteLine($"realtime: {exception.Message}; see ./realtime help bench");
    return 2;
}
