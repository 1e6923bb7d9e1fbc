using Realtime.Bench.Load;

namespace Realtime.Bench.Servers;

/// <summary>A kind of server that can be measured.</summary>
/// <param name="Name">For <c>--targets</c>.</param>
/// <param name="Title">For tables.</param>
/// <param name="Start">Starts one, with settings of ours that the peers do not have.</param>
/// <param name="Missing">Why it cannot be started here; null when it can.</param>
internal sealed record TargetKind(string Name, string Title, Func<string[], Target> Start, Func<string?> Missing)
{
    public static readonly TargetKind Realtime = new("realtime", "Realtime, one process", SingleProcess, () => null);

    public static readonly TargetKind Cluster = new("cluster", "Realtime, silo and front",
        settings => new Cluster(fronts: 1, settings).AsTarget(),
        () => Engine.Name == "orleans" ? null : "a cluster of processes needs the orleans engine");

    public static readonly TargetKind RawAspNet = new("aspnet", "ASP.NET Core WebSocket and channel",
        _ => Peer("RawAspNet", Dialect.Plain), () => null);

    public static readonly TargetKind SignalR = new("signalr", "SignalR, JSON", _ => Peer("SignalR", Dialect.SignalR), () => null);

    public static readonly TargetKind[] All = [Realtime, Cluster, RawAspNet, SignalR];

    /// <summary>Those of this project, which have all scenarios.</summary>
    public bool IsOurs => this == Realtime || this == Cluster;

    private static Target SingleProcess(string[] settings)
    {
        var port = Ports.Free();
        var server = ServerProcess.StartProject("WebFront", [$"--urls=http://127.0.0.1:{port}", .. settings]);
        return Ready(server, port, "/health/ready", Dialect.Realtime);
    }

    private static Target Peer(string project, Dialect dialect)
    {
        var port = Ports.Free();
        return Ready(ServerProcess.StartProject(project, [$"--urls=http://127.0.0.1:{port}"]), port, "/", dialect);
    }

    private static Target Ready(ServerProcess server, int port, string path, Dialect dialect)
    {
        try
        {
            server.WaitFor($"http://127.0.0.1:{port}{path}", System.Net.HttpStatusCode.NotFound); // peers have no pages
            return new Target([server], dialect, [port]);
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }
}
