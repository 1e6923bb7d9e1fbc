using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Realtime.Client.Protocol;
using Realtime.Client.State;

namespace Realtime.Client;

/// <summary>
/// A client of Realtime: one WebSocket, kept open, or server-sent events and posts where WebSockets do not pass. It reconnects with full jitter, joins its rooms again and resumes each from its last position, hands out each
/// message once and in order, sends a publish without an answer again under the same id, renews its token and notices a connection that has gone silent.
/// Members are safe for any thread. Nothing of the application's runs on the thread that receives.
/// </summary>
/// <example><code>
/// await using var client = new RealtimeClient(new() { Address = new("wss://example.org/ws"), TokenProvider = GetTokenAsync });
/// var room = await client.JoinAsync("lobby");
/// await room.PublishAsync("hello");
/// await foreach (var message in room.MessagesAsync(cancellation))
///     Console.WriteLine($"{message.Position} {message.From}: {message.Content}");
/// </code></example>
public sealed class RealtimeClient : IAsyncDisposable, IDisposable
{
    private readonly Session _session;

    /// <summary>Makes a client; it connects at its first use, or by <see cref="ConnectAsync"/>.</summary>
    /// <param name="time">The clock of all waits; by default the system's.</param>
    /// <exception cref="ArgumentException">Something is wrong with the options; the message says what is allowed.</exception>
    public RealtimeClient(RealtimeClientOptions options, ILogger<RealtimeClient>? logger = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _session = new(options.Checked(), logger ?? NullLogger<RealtimeClient>.Instance, time ?? TimeProvider.System);
        _session.Feed.Handler = its =>
        {
            if (its is RealtimeStatus status)
                StatusChanged?.Invoke(this, status);
            else if (its is RealtimeRoom room)
                RoomEntered?.Invoke(this, room);
        };
    }

    /// <summary>The state of the connection has changed. Handlers run on the thread pool, one change after the other; one that throws is logged.</summary>
    public event EventHandler<RealtimeStatus>? StatusChanged;

    /// <summary>
    /// The server has put this client into a room that it has not asked for, as a service or its token said. It is like one that was joined: its messages wait, and
    /// it is asked for again after a reconnect. Handlers run as those of <see cref="StatusChanged"/>.
    /// </summary>
    public event EventHandler<RealtimeRoom>? RoomEntered;

    /// <summary>The state of the connection.</summary>
    public RealtimeStatus Status => _session.Status;

    /// <summary>The rooms that this client is in or keeps trying to be in.</summary>
    public IReadOnlyList<RealtimeRoom> Rooms => _session.Rooms;

    /// <summary>Where this client is in its user's inbox; null when it has not been asked for, or not answered.</summary>
    public Position? InboxPosition => _session.InboxPosition;

    /// <summary>Connects and stays connected; rooms that were joined before are resumed.</summary>
    /// <param name="cancellation">Ends the wait; the client goes on trying.</param>
    /// <exception cref="RealtimeException"><see cref="RealtimeErrorCodes.Offline"/>: the client has stopped, as trying on would only repeat a refusal.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    public Task ConnectAsync(CancellationToken cancellation = default) => _session.ConnectAsync(cancellation);

    /// <summary>Ends the wait before the next attempt, as when the network is back.</summary>
    public void RetryNow() => _session.RetryNow();

    /// <summary>Ends the connection and all attempts; what has no answer yet fails with <see cref="RealtimeErrorCodes.Offline"/>. <see cref="ConnectAsync"/> starts again and resumes the rooms.</summary>
    public Task CloseAsync() => _session.CloseAsync(disposes: false);

    /// <summary>
    /// Enters a room and stays in it across reconnects, until it is left. Waits for a connection as long as the client tries to have one. A join that three
    /// connections in a row do not answer is given up with <see cref="RealtimeErrorCodes.Timeout"/>.
    /// </summary>
    /// <param name="cancellation">Ends the wait, and the try to be in the room unless another call waits for it.</param>
    /// <returns>The room; the same one for each call while the client is in it.</returns>
    /// <exception cref="ArgumentException">The name or an option is not valid.</exception>
    /// <exception cref="RealtimeException">The server has refused it, or the client has stopped.</exception>
    public Task<RealtimeRoom> JoinAsync(string room, JoinOptions? options = null, CancellationToken cancellation = default)
    {
        NameRule.Check(room, "room");
        options ??= new();
        CheckPosition(options.Since);
        if (options.Last is < 1 or > 100)
            throw new ArgumentException($"The option {nameof(JoinOptions.Last)} is {options.Last}; it must be from 1 to 100.");
        return _session.JoinAsync(room, options, cancellation);
    }

    /// <summary>
    /// Asks for this user's inbox, and again after each reconnect, from the last position: direct messages that came meanwhile are among
    /// <see cref="DirectMessagesAsync"/>. The server keeps them from the first time that a user asks.
    /// </summary>
    /// <param name="since">A position of an earlier visit: messages since then come first. It counts for nothing when the inbox was asked for already.</param>
    /// <exception cref="ArgumentException">The position is none.</exception>
    /// <exception cref="RealtimeException">The server has refused it (<c>forbidden</c>: it has no inboxes), or the client has stopped.</exception>
    public Task<InboxOpened> OpenInboxAsync(Position? since = null, CancellationToken cancellation = default)
    {
        CheckPosition(since);
        return _session.OpenInboxAsync(since, cancellation);
    }

    /// <summary>
    /// Direct messages to this user, or to everyone. Those of an inbox that was asked for come once each, in order. They wait for the reader in bounded space, as
    /// those of a room do. It ends when the client is closed.
    /// </summary>
    /// <exception cref="InvalidOperationException">They are read already, by this or <see cref="DirectEventsAsync"/>: one at a time can.</exception>
    /// <exception cref="RealtimeException">Behind the last message: the client has stopped.</exception>
    public async IAsyncEnumerable<DirectMessage> DirectMessagesAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        DirectMissed? missed = null;
        await foreach (var its in _session.Directs.ReadAll(cancellation).ConfigureAwait(false))
        {
            switch (its)
            {
                case DirectMissed loss:
                    missed = loss;
                    break;
                case DirectMessage message:
                    message.Missed = missed;
                    missed = null;
                    yield return message;
                    break;
            }
        }
    }

    /// <summary>The same, with each loss in its place.</summary>
    /// <inheritdoc cref="DirectMessagesAsync"/>
    public IAsyncEnumerable<DirectEvent> DirectEventsAsync(CancellationToken cancellation = default) => _session.Directs.ReadAll(cancellation);

    /// <summary>Frames in an application's own format, as services send them unwrapped; from the first call on. Beyond the bound the oldest give way, untold: they have no numbers.</summary>
    /// <exception cref="InvalidOperationException">They are read already: one at a time can.</exception>
    public IAsyncEnumerable<RawFrame> RawFramesAsync(CancellationToken cancellation = default) => _session.Raw.ReadAll(cancellation);

    /// <summary>
    /// Sends a message to all connections of a user, once: when its answer is lost with the connection it fails with <see cref="RealtimeErrorCodes.Unconfirmed"/>.
    /// Without a connection it waits for one.
    /// </summary>
    /// <exception cref="ArgumentException">The user's name or the content is not valid.</exception>
    /// <exception cref="RealtimeException">The server has refused it, or one of <see cref="RealtimeErrorCodes"/>.</exception>
    public Task<DirectReceipt> SendToAsync(string user, string content, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        return SendToAsync(user, default(JsonData), content, cancellation);
    }

    /// <inheritdoc cref="SendToAsync(string, string, CancellationToken)"/>
    public Task<DirectReceipt> SendToAsync<T>(string user, T data, JsonTypeInfo<T> type, CancellationToken cancellation = default) =>
        SendToAsync(user, JsonData.From(data, type), content: null, cancellation);

    /// <inheritdoc cref="SendToAsync(string, string, CancellationToken)"/>
    public Task<DirectReceipt> SendToAsync(string user, JsonData data, string? content = null, CancellationToken cancellation = default)
    {
        NameRule.Check(user, "user");
        CheckBody(content, data);
        return _session.PublishAsync(null, user, null, content, data, cancellation);
    }

    /// <summary>A page of the messages that a room has kept, oldest first, without being in it, where the server allows that.</summary>
    /// <param name="before">Only messages before this sequence, 1 or more; without it the newest ones.</param>
    /// <param name="limit">1 to 100, the default.</param>
    /// <param name="epoch">Where the room has another one, it fails with <c>position_invalid</c>.</param>
    /// <exception cref="ArgumentException">One of them is not valid.</exception>
    /// <exception cref="RealtimeException">The server has refused it, or there was no answer.</exception>
    public Task<HistoryPage> HistoryAsync(string room, long? before = null, int? limit = null, string? epoch = null, CancellationToken cancellation = default)
    {
        NameRule.Check(room, "room");
        return _session.HistoryAsync(room, before, limit, epoch, cancellation);
    }

    /// <summary>Calls a method of the server's application, once.</summary>
    /// <param name="timeout">How long its answer may take, instead of <see cref="RealtimeClientOptions.AnswerTimeout"/>.</param>
    /// <param name="cancellation">Ends the wait; the server is not told.</param>
    /// <returns>The result; none when it has no data.</returns>
    /// <exception cref="ArgumentException">The method's name is not valid.</exception>
    /// <exception cref="RealtimeException">The method's own code, or one of the server's (<c>unknown_method</c>, <c>call_failed</c> ..); with <c>timeout</c> and <c>offline</c> it may have run.</exception>
    public Task<JsonData> CallAsync(string method, JsonData data = default, TimeSpan? timeout = null, CancellationToken cancellation = default)
    {
        NameRule.Check(method, "method");
        if (timeout is { } time)
            RealtimeClientOptions.Check(nameof(timeout), time);
        return _session.AskAsync(
            id => FrameWriter.Call(id, method, data), static (scoped in frame) => new JsonData(frame.Data.ToArray()), timeout ?? _session.Options.AnswerTimeout, cancellation);
    }

    /// <inheritdoc cref="CallAsync(string, JsonData, TimeSpan?, CancellationToken)"/>
    public async Task<TResult?> CallAsync<TData, TResult>(
        string method, TData data, JsonTypeInfo<TData> dataType, JsonTypeInfo<TResult> resultType, TimeSpan? timeout = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(resultType);
        return (await CallAsync(method, JsonData.From(data, dataType), timeout, cancellation).ConfigureAwait(false)).To(resultType);
    }

    /// <summary>
    /// Answers calls of the server to a method. A <see cref="RealtimeException"/> is told with its code and words; of anything else the server learns that the method
    /// failed, and it is logged. Calls run beside each other, <see cref="RealtimeClientOptions.MaxRunningCalls"/> at most.
    /// </summary>
    /// <param name="handler">Gets the call's data, and a token that is cancelled when the connection ends: then nobody waits for the answer.</param>
    /// <returns>Ends it: without a handler the answer is <c>unknown_method</c>.</returns>
    /// <exception cref="ArgumentException">The name is not valid.</exception>
    /// <exception cref="InvalidOperationException">The method has a handler already.</exception>
    public IDisposable MapCall(string method, Func<JsonData, CancellationToken, ValueTask<JsonData>> handler)
    {
        NameRule.Check(method, "method");
        ArgumentNullException.ThrowIfNull(handler);
        return _session.Calls.Map(method, handler);
    }

    /// <inheritdoc cref="MapCall(string, Func{JsonData, CancellationToken, ValueTask{JsonData}})"/>
    public IDisposable MapCall<TData, TResult>(
        string method, JsonTypeInfo<TData> dataType, JsonTypeInfo<TResult> resultType, Func<TData?, CancellationToken, ValueTask<TResult>> handler)
    {
        ArgumentNullException.ThrowIfNull(dataType);
        ArgumentNullException.ThrowIfNull(resultType);
        ArgumentNullException.ThrowIfNull(handler);
        return MapCall(method, async (data, cancellation) => JsonData.From(await handler(data.To(dataType), cancellation).ConfigureAwait(false), resultType));
    }

    /// <summary>Asks the server for a sign of life.</summary>
    /// <returns>How long it took.</returns>
    /// <exception cref="RealtimeException">There was no answer.</exception>
    public async Task<TimeSpan> PingAsync(CancellationToken cancellation = default)
    {
        var start = _session.Time.GetTimestamp();
        await _session.AskAsync(FrameWriter.Ping, static (scoped in _) => true, _session.Options.AnswerTimeout, cancellation).ConfigureAwait(false);
        return _session.Time.GetElapsedTime(start);
    }

    /// <summary>The id of the connection that is open now, and of no later one: for a service that sends to a room and leaves this client out (<c>exclude</c>).</summary>
    /// <exception cref="RealtimeException">There was no answer.</exception>
    public Task<string> ConnectionIdAsync(CancellationToken cancellation = default) =>
        _session.AskAsync(FrameWriter.Ping, static (scoped in frame) => frame.Connection.Decode() ?? "", _session.Options.AnswerTimeout, cancellation);

    /// <summary>As <see cref="CloseAsync"/>, for good: it waits a second at most for the server's goodbye.</summary>
    public async ValueTask DisposeAsync() => await _session.CloseAsync(disposes: true).ConfigureAwait(false);

    /// <summary>The same without waiting for anything.</summary>
    public void Dispose() => _ = _session.CloseAsync(disposes: true);

    internal static void CheckBody(string? content, JsonData data)
    {
        if (content is null && data.IsNone)
            throw new ArgumentException("A message needs content or data.");
        if (content is not null)
            NameRule.CheckText(content, "'content'");
    }

    private static void CheckPosition(Position? position)
    {
        if (position is not { } known)
            return;
        if (known.IsNone || known.Sequence < 0)
            throw new ArgumentException("A position has an epoch that the server gave, and a sequence from 0 on.");
        NameRule.CheckId(known.Epoch, "The epoch of a position");
    }
}
