namespace Realtime.Bench.Load;

/// <summary>How a server is spoken to. In texts, <c>{room}</c> and <c>{user}</c> are numbers and <c>{payload}</c> is the message.</summary>
/// <param name="Path">Of the WebSocket.</param>
/// <param name="Publish">What a client sends to publish.</param>
/// <param name="Join">What it sends first; null when being connected is enough.</param>
/// <param name="Joined">What is in the answer to that.</param>
/// <param name="Leave">What it sends to leave the room; null when closing does it.</param>
/// <param name="Left">What is in the answer to that.</param>
/// <param name="Hello">What it sends before all else.</param>
/// <param name="HelloAnswer">How the answer to that begins.</param>
/// <param name="KeepAlive">What it has to send now and then.</param>
/// <param name="Ping">What the server sends to see whether it is there.</param>
/// <param name="Pong">What it has to answer to that.</param>
internal sealed record Dialect(
    string Path, string Publish, string? Join = null, string? Joined = null, string? Leave = null, string? Left = null,
    string? Hello = null, string? HelloAnswer = null, string? KeepAlive = null,
    string? Ping = null, string? Pong = null)
{
    private const string End = "\x1e"; // of a message of SignalR

    /// <summary>docs/protocol.md.</summary>
    public static readonly Dialect Realtime = new(
        Path: "/ws?user=u{user}",
        Publish: """{"type":"message","room":"r{room}","content":"{payload}"}""",
        Join: """{"type":"join","id":"j","room":"r{room}"}""",
        Joined: "\"type\":\"joined\"",
        Leave: """{"type":"leave","id":"l","room":"r{room}"}""",
        Left: "\"type\":\"left\"");

    /// <summary>The same, to a user: each publisher has one listener, and a user is known after an answer.</summary>
    public static readonly Dialect RealtimeDirect = new(
        Path: "/ws?user=u{user}",
        Publish: """{"type":"message","to":"u{listener}","content":"{payload}"}""",
        Join: """{"type":"ping","id":"j"}""",
        Joined: "\"type\":\"pong\"");

    /// <summary>Plain text frames; the room is in the path.</summary>
    public static readonly Dialect Plain = new(Path: "/r/{room}", Publish: "{payload}");

    /// <summary>SignalR's JSON protocol over a WebSocket, without negotiation.</summary>
    public static readonly Dialect SignalR = new(
        Path: "/hub",
        Publish: """{"type":1,"target":"Send","arguments":["r{room}","{payload}"]}""" + End,
        Join: """{"type":1,"invocationId":"j","target":"Join","arguments":["r{room}"]}""" + End,
        Joined: "\"type\":3",
        Leave: """{"type":1,"invocationId":"l","target":"Leave","arguments":["r{room}"]}""" + End,
        Left: "\"type\":3",
        Hello: """{"protocol":"json","version":1}""" + End,
        HelloAnswer: "{}" + End,
        KeepAlive: """{"type":6}""" + End);

    /// <summary>The same with a group for each user, which is how SignalR reaches one.</summary>
    public static readonly Dialect SignalRDirect = SignalR with
    {
        Publish = """{"type":1,"target":"Send","arguments":["u{listener}","{payload}"]}""" + End,
        Join = """{"type":1,"invocationId":"j","target":"Join","arguments":["u{user}"]}""" + End,
    };

    /// <summary>
    /// socket.io's protocol 5 in engine.io's protocol 4: 40 connects, 42 is an event, 43 the answer to one, and between
    /// them and the brackets stands the number of what is answered.
    /// </summary>
    public static readonly Dialect SocketIo = new(
        Path: "/socket.io/?EIO=4&transport=websocket",
        Publish: """42["send","r{room}","{payload}"]""",
        Join: """421["join","r{room}"]""",
        Joined: "431[",
        Leave: """422["leave","r{room}"]""",
        Left: "432[",
        Hello: "40",
        HelloAnswer: "40{",
        Ping: "2",
        Pong: "3");

    /// <summary>The same with a room for each user, which is how socket.io reaches one.</summary>
    public static readonly Dialect SocketIoDirect = SocketIo with
    {
        Publish = """42["send","u{listener}","{payload}"]""",
        Join = """421["join","u{user}"]""",
    };
}
