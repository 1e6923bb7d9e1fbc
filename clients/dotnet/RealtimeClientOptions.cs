using System.Net.WebSockets;

namespace Realtime.Client;

/// <summary>
/// Where a <see cref="RealtimeClient"/> connects to, as whom, and its bounds. Only <see cref="Address"/> is needed. Times are 1 ms to 2^31 - 1 ms. A client
/// takes a copy when it is made.
/// </summary>
public sealed class RealtimeClientOptions
{
    /// <summary>The endpoint, <c>wss://host/ws</c>: a ws, wss, http or https address without a fragment.</summary>
    public Uri? Address { get; set; }

    /// <summary>The user's name, where the server believes it: in Development.</summary>
    public string? User { get; set; }

    /// <summary>A token that does not change. When it has expired (4003) or is refused (401) the client stops.</summary>
    public string? Token { get; set; }

    /// <summary>
    /// Gives a token. Asked at each attempt to connect, and when four fifths of a JWT's life are over: the new one renews the connection that is open. One that
    /// throws is asked again at the next attempt, or in half of the time that is left; one that gives null or an empty string says that nobody is signed in
    /// any more, and the client stops. A new token that the server refuses, as that of another user, is used for a new connection.
    /// </summary>
    public Func<CancellationToken, ValueTask<string?>>? TokenProvider { get; set; }

    /// <summary>
    /// Sets what else a socket needs before it connects: headers, cookies, a proxy, certificates. Called at each attempt. The requests of the <see cref="Fallback"/> get
    /// the same but headers, which <see cref="HttpHandlerFactory"/> can add to both.
    /// </summary>
    public Action<ClientWebSocketOptions>? ConfigureSocket { get; set; }

    /// <summary>
    /// Gives what handshakes and requests go by, as <c>() => services.GetRequiredService&lt;IHttpMessageHandlerFactory&gt;().CreateHandler("realtime")</c>, in place of one of the
    /// client's own. Asked at each attempt; the client does not dispose of it. <see cref="ConfigureSocket"/> then sets no cookies, credentials, certificates or proxy.
    /// </summary>
    public Func<HttpMessageHandler>? HttpHandlerFactory { get; set; }

    /// <summary>
    /// Whether the client does without a WebSocket where something on the way refuses WebSockets, or has cut three in a row within 5 s or before they brought anything:
    /// then frames come by server-sent events and go by posts, at <c>/api/session</c> beside the <c>/ws</c> of <see cref="Address"/>. Default true. At an address that
    /// ends with something else than <c>/ws</c> there is none.
    /// </summary>
    public bool Fallback { get; set; } = true;

    /// <summary>About how long it does so before it looks whether WebSockets pass again. The first look is after 10 s, or this if it is less. Default 5 minutes.</summary>
    public TimeSpan WebSocketAgain { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The wait before attempt n (0, 1, 2 ..) is random in 0 to the lesser of <see cref="RetryMax"/> and this times 2^n. Default 1 s.</summary>
    public TimeSpan RetryBase { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Default 30 s; <see cref="RetryBase"/> at least.</summary>
    public TimeSpan RetryMax { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the token and the opening handshake may take together. Default 10 s.</summary>
    public TimeSpan OpenTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Silence after which the client asks whether the server is there. Default 25 s, below the 60 s at which proxies cut.</summary>
    public TimeSpan PingAfter { get; set; } = TimeSpan.FromSeconds(25);

    /// <summary>How long the answer to that may take before the connection counts as dead. Default 10 s.</summary>
    public TimeSpan PongTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long any other answer may take. Default 60 s.</summary>
    public TimeSpan AnswerTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How long a message is tried, over reconnects, before it fails with <see cref="RealtimeErrorCodes.Timeout"/>. Default 60 s. Keep it below the server's
    /// <c>Rooms:DedupeWindow</c> (5 minutes), after which a repeat is a new message.
    /// </summary>
    public TimeSpan PublishTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How many messages may wait for their answers, and how many questions and calls beside them; one more fails with <see cref="RealtimeErrorCodes.QueueFull"/>. Default 1,000.</summary>
    public int OutboxMessages { get; set; } = 1_000;

    /// <summary>How many bytes of frames the messages may have together, and the questions and calls beside them. Default 4 MiB.</summary>
    public int OutboxBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>The longest frame that is sent, in bytes; a longer one fails with <see cref="RealtimeErrorCodes.TooBig"/>. Default 160 KiB, as the server's <c>Connections:MaxMessageSize</c> at <c>/ws</c>.</summary>
    public int MaxMessageBytes { get; set; } = 160 * 1024;

    /// <summary>The longest frame that is received, in bytes; a longer one ends the connection. Default 4 MiB.</summary>
    public int MaxReceiveBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>How many events of a room, or direct messages, wait for the application. Beyond it the oldest give way, and that is told: <see cref="MissedReason.SlowConsumer"/>. Default 10,000.</summary>
    public int ReceiveMessages { get; set; } = 10_000;

    /// <summary>How many bytes their frames have together. Default 4 MiB. A single one may have more.</summary>
    public int ReceiveBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>How many calls of the server run at once; one more is answered with <c>too_many_calls</c>. Default 100.</summary>
    public int MaxRunningCalls { get; set; } = 100;

    /// <summary>Says what is wrong.</summary>
    /// <exception cref="ArgumentException">Something is.</exception>
    internal RealtimeClientOptions Checked()
    {
        if (Address is null || !Address.IsAbsoluteUri || Address.Scheme is not ("ws" or "wss" or "http" or "https") || Address.Fragment.Length > 0)
            throw new ArgumentException($"The option {nameof(Address)} is {(Address is null ? "missing" : $"'{Address}'")}; it must be a ws, wss, http or https address without a fragment.");
        if (User is not null && NameRule.Problem(User, "user") is { } problem)
            throw new ArgumentException(problem);
        if (Token is not null && TokenProvider is not null)
            throw new ArgumentException($"The options {nameof(Token)} and {nameof(TokenProvider)} are both set; a client has one of them.");
        if (Token is not null && TokenProblem(Token) is { } wrong)
            throw new ArgumentException($"The option {nameof(Token)} {wrong}.");
        Check(nameof(WebSocketAgain), WebSocketAgain);
        Check(nameof(RetryBase), RetryBase);
        Check(nameof(RetryMax), RetryMax);
        Check(nameof(OpenTimeout), OpenTimeout);
        Check(nameof(PingAfter), PingAfter);
        Check(nameof(PongTimeout), PongTimeout);
        Check(nameof(AnswerTimeout), AnswerTimeout);
        Check(nameof(PublishTimeout), PublishTimeout);
        if (RetryBase > RetryMax)
            throw new ArgumentException($"The option {nameof(RetryBase)} is {RetryBase}; it must not be above {nameof(RetryMax)}, which is {RetryMax}.");
        Check(nameof(OutboxMessages), OutboxMessages, 1);
        Check(nameof(OutboxBytes), OutboxBytes, 1);
        Check(nameof(MaxMessageBytes), MaxMessageBytes, 256);
        Check(nameof(MaxReceiveBytes), MaxReceiveBytes, 1024);
        Check(nameof(ReceiveMessages), ReceiveMessages, 1);
        Check(nameof(ReceiveBytes), ReceiveBytes, 1);
        Check(nameof(MaxRunningCalls), MaxRunningCalls, 1);
        return (RealtimeClientOptions)MemberwiseClone();
    }

    /// <summary>Throws unless it is a time that a timer can take.</summary>
    internal static void Check(string what, TimeSpan time)
    {
        if (time.TotalMilliseconds is < 1 or > int.MaxValue)
            throw new ArgumentOutOfRangeException(what, $"{what} is {time}; it must be from 1 ms to {int.MaxValue} ms.");
    }

    /// <summary>What keeps a text from being a token in a header, to follow its name; null when nothing does.</summary>
    internal static string? TokenProblem(string token) =>
        token.Length == 0 ? "is empty"
        : token.AsSpan().IndexOfAnyExceptInRange('!', '~') >= 0 ? "has characters that a header cannot have: a token is of visible ASCII characters"
        : null;

    private static void Check(string what, int value, int least)
    {
        if (value < least)
            throw new ArgumentException($"The option {what} is {value}; it must be {least} or more.");
    }
}
