using Realtime.Bench.Load;
using Realtime.Processes;

namespace Realtime.Bench.Servers;

/// <summary>A kind of server that can be measured.</summary>
/// <param name="Name">For <c>--targets</c>.</param>
/// <param name="Title">For tables.</param>
/// <param name="Start">Starts one, with settings of ours that the peers do not have.</param>
/// <param name="Missing">See <see cref="WhyMissing"/>.</param>
/// <param name="Direct">How one client's message is sent to one other; null when there is no such thing.</param>
/// <param name="Version">What it is a version of, where .NET's does not tell.</param>
internal sealed record TargetKind(
    string Name, string Title, Func<string[], Target> Start, Func<string?> Missing, Dialect? Direct = null, Func<string>? Version = null)
{
    public static readonly TargetKind Realtime = new("realtime", "Realtime, one process", SingleProcess, () => null, Dialect.RealtimeDirect);

    public static readonly TargetKind Cluster = new("cluster", "Realtime, silo and front",
        settings => new Cluster(fronts: 1, settings).AsTarget(),
        () => PostgresServer.Missing, Dialect.RealtimeDirect);

    public static readonly TargetKind RawAspNet = new("aspnet", "ASP.NET Core WebSocket and channel",
        _ => Peer("RawAspNet", "--urls=http://127.0.0.1:{0}", Dialect.Plain), () => null);

    public static readonly TargetKind SignalR = new("signalr", "SignalR, JSON",
        _ => Peer("PlainSignalR", "--urls=http://127.0.0.1:{0}", Dialect.SignalR), () => null, Dialect.SignalRDirect);

    public static readonly TargetKind Gorilla = new("gorilla", "gorilla/websocket (Go), batches", _ => GorillaPeer.Start(), GorillaPeer.Missing,
        Version: GorillaPeer.Version);

    public static readonly TargetKind Ws = new("ws", "ws (Node)", _ => NodePeer.Start("ws", Dialect.Plain), () => NodePeer.Missing("ws"),
        Version: () => NodePeer.Version("ws", "ws"));

    public static readonly TargetKind SocketIo = new("socketio", "socket.io (Node)",
        _ => NodePeer.Start("socketio", Dialect.SocketIo), () => NodePeer.Missing("socketio"), Dialect.SocketIoDirect,
        () => NodePeer.Version("socketio", "socket.io"));

    public static readonly TargetKind Nchan = new("nchan", "nchan (nginx)", _ => NchanPeer.Start(), NchanPeer.Missing,
        Version: NchanPeer.Version);

    public static readonly TargetKind Floor = new("floor", "floor: system calls alone", _ => Peer("Floor", "{0}", Dialect.Plain), () => null);

    public static readonly TargetKind[] All = [Floor, Realtime, Cluster, RawAspNet, SignalR, Gorilla, Ws, SocketIo, Nchan];

    // Asked once: it may take a build, or npm.
    private readonly Lazy<string?> _missing = new(Missing);

    /// <summary>Why it cannot be started here; null when it can.</summary>
    public string? WhyMissing => _missing.Value;

    /// <summary>Those of this project, which have all scenarios.</summary>
    public bool IsOurs => this == Realtime || this == Cluster;

    private static Target SingleProcess(string[] settings)
    {
        var port = Ports.Free();
        var server = MeasuredProcess.StartProject("Server", port, [$"--urls=http://127.0.0.1:{port}", .. settings]);
        return Ready(server, port, Dialect.Realtime, () => server.WaitUntilReady().GetAwaiter().GetResult());
    }

    private static Target Peer(string project, string argument, Dialect dialect)
    {
        var port = Ports.Free();
        var server = MeasuredProcess.StartProject(project, port, string.Format(argument, port));
        return Ready(server, port, dialect, () => server.WaitForPort(port));
    }

    /// <summary>Waits for a server that has been started.</summary>
    public static Target Ready(ServerProcess server, int port, Dialect dialect, Action wait)
    {
        try
        {
            wait();
            return new Target([server], dialect, [port]);
        }
        catch
        {
            server.End();
            throw;
        }
    }
}
