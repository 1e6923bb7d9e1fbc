using System.Globalization;
using Realtime.Backplane;

// Compares the backplane of src/SignalR with that of Redis: two servers, and clients here. The servers are this program too.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["server", var kind, var port, .. var rest])
{
    await BenchServer.Run(kind, int.Parse(port), [.. rest.Select(int.Parse)]);
    return 0;
}
var rounds = args is ["--rounds", var count] ? int.Parse(count) : 3;
if (args.Length > 0 && args is not ["--rounds", _])
{
    Console.Error.WriteLine("usage: Realtime.Backplane [--rounds N]");
    return 2;
}
if (!File.Exists(Servers.RedisProgram))
{
    Console.Error.WriteLine($"There is no {Servers.RedisProgram} to compare with (Debian: apt-get install redis-server).");
    return 1;
}
var results = new List<Figures>();
for (var round = 0; round < rounds; round++)
{
    foreach (var name in new[] { "redis", "realtime" })
    {
        await using var servers = await Servers.Start(name);
        var figures = await Measurement.Run(servers);
        results.Add(figures);
        Console.WriteLine(figures);
    }
}
Console.WriteLine("medians:");
foreach (var name in new[] { "redis", "realtime" })
    Console.WriteLine(Figures.Median(name, [.. results.Where(figures => figures.Name == name)]));
return 0;
