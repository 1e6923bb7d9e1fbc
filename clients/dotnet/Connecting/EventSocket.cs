using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Text.Json;

namespace Realtime.Client.Connecting;

/// <summary>
/// In the place of a WebSocket: frames come as server-sent events, in the answer of one request, and go by posts, one at a time and numbered, so
/// that none is lost, repeated or overtaken whichever server gets it. One thread sends and one receives, as with a WebSocket. Many fields: the way down
/// and the way up are one object to whoever holds it for a WebSocket.
/// </summary>
internal sealed class EventSocket : WebSocket
{
    /// <summary>The most that a post has: frames, and bytes but for the last of them.</summary>
    private const int PostFrames = 256, PostBytes = 128 * 1024;

    private const int TooBig = 1009;

    /// <summary>How long a post is tried, which is recognised when it was taken; one try may take a third of it.</summary>
    private static readonly TimeSpan s_postTimeout = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(200), s_longestPause = TimeSpan.FromSeconds(2);

    private readonly HttpMessageInvoker _http;
    private readonly HttpResponseMessage _response;
    private readonly EventReader _events;
    private readonly TimeProvider _time;
    private readonly Uri _post;
    private readonly CancellationTokenSource _abort = new();
    private readonly Lock _lock = new();

    // Frames that no post has taken; how many bytes, and who waits for there to be less.
    private readonly Queue<ReadOnlyMemory<byte>> _waiting = [];
    private long _waitingBytes;
    private TaskCompletionSource? _room;
    private Task _posting = Task.CompletedTask;
    private long _number;

    private ReadOnlyMemory<byte> _frame;
    private (int Code, string Reason)? _end;
    private volatile string? _failure;
    private WebSocketState _state = WebSocketState.Open;
    private string? _token;

    private EventSocket(SessionAddress address, HttpMessageInvoker http, HttpResponseMessage response, EventReader events, string session, string? token, TimeProvider time)
    {
        (_http, _response, _events, _token, _time) = (http, response, events, token, time);
        _post = address.PostsTo(session);
    }

    /// <summary>Opens a session.</summary>
    /// <param name="http">What it sends its requests by; it is disposed of with the session.</param>
    /// <returns>The session, or the answer that is none, to be disposed of.</returns>
    /// <exception cref="HttpRequestException">There was no answer.</exception>
    /// <exception cref="FormatException">What was answered is no session.</exception>
    public static async Task<(EventSocket? Socket, HttpResponseMessage? Refusal)> OpenAsync(
        SessionAddress address, HttpMessageInvoker http, string? token, int maxBytes, TimeProvider time, CancellationToken cancellation)
    {
        HttpResponseMessage? response = null;
        try
        {
            using var request = Request(HttpMethod.Get, address.Events, token);
            request.Headers.Accept.Add(new("text/event-stream"));
            request.Headers.CacheControl = new() { NoCache = true, NoStore = true };
            response = await http.SendAsync(request, cancellation).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.OK || response.Content.Headers.ContentType?.MediaType != "text/event-stream")
            {
                http.Dispose();
                return (null, response);
            }
            var events = new EventReader(await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false), maxBytes);
            if (!await events.ReadAsync(cancellation).ConfigureAwait(false) || events.Kind != EventKind.Session)
                throw new FormatException("What was answered is no session.");
            return (new(address, http, response, events, Read(events.Data.Span, "session").Text ?? throw new FormatException("A session has no address."), token, time), null);
        }
        catch
        {
            response?.Dispose();
            http.Dispose();
            throw;
        }
    }

    /// <summary>The token that posts bring from now on.</summary>
    public string? Token { set => Volatile.Write(ref _token, value); }

    public override WebSocketCloseStatus? CloseStatus => _end is var (code, _) ? (WebSocketCloseStatus)code : null;

    public override string? CloseStatusDescription => _end?.Reason;

    public override WebSocketState State => _state;

    public override string? SubProtocol => null;

    public override async ValueTask<ValueWebSocketReceiveResult> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (_frame.IsEmpty)
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _abort.Token);
            try
            {
                if (!await _events.ReadAsync(either.Token).ConfigureAwait(false))
                    throw new WebSocketException(WebSocketError.ConnectionClosedPrematurely);
            }
            catch (OperationCanceledException exception) when (_end is not null || _failure is not null)
            {
                // A post has found out that it is over.
                if (_end is null)
                    throw new WebSocketException(WebSocketError.ConnectionClosedPrematurely, _failure, exception);
            }
            catch (Exception exception) when (exception is IOException or HttpRequestException or FormatException)
            {
                throw new WebSocketException(WebSocketError.ConnectionClosedPrematurely, exception.Message, exception);
            }
            if (_end is null && _events.Kind == EventKind.Closed)
            {
                var (reason, code) = Read(_events.Data.Span, "reason");
                End(code, reason ?? "");
            }
            if (_end is not null)
                return new(0, WebSocketMessageType.Close, endOfMessage: true);
            _frame = _events.Data;
        }
        var part = _frame[..Math.Min(_frame.Length, buffer.Length)];
        part.CopyTo(buffer);
        _frame = _frame[part.Length..];
        return new(part.Length, _events.Kind == EventKind.Binary ? WebSocketMessageType.Binary : WebSocketMessageType.Text, _frame.IsEmpty);
    }

    /// <summary>Has it sent by the next post; waits while as much waits as one can have.</summary>
    public override async ValueTask SendAsync(ReadOnlyMemory<byte> buffer, WebSocketMessageType messageType, bool endOfMessage, CancellationToken cancellationToken)
    {
        Task room;
        lock (_lock)
        {
            if (_state != WebSocketState.Open)
                throw new WebSocketException(WebSocketError.InvalidState);
            _waiting.Enqueue(buffer);
            _waitingBytes += buffer.Length;
            if (_posting.IsCompleted)
                _posting = Task.Run(PostAll, CancellationToken.None);
            if (_waiting.Count < PostFrames && _waitingBytes < PostBytes)
                return;
            room = (_room ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
        await room.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits until all is sent, and ends it.</summary>
    public override async Task CloseOutputAsync(WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken)
    {
        Task posting;
        lock (_lock)
        {
            if (_state == WebSocketState.Open)
                _state = WebSocketState.CloseSent;
            posting = _posting;
        }
        await posting.WaitAsync(cancellationToken).ConfigureAwait(false);
        Abort();
    }

    public override Task CloseAsync(WebSocketCloseStatus closeStatus, string? statusDescription, CancellationToken cancellationToken) =>
        CloseOutputAsync(closeStatus, statusDescription, cancellationToken);

    public override void Abort()
    {
        _state = WebSocketState.Aborted;
        _ = _abort.CancelAsync();
    }

    public override void Dispose()
    {
        Abort();
        _response.Dispose(); // by which the server knows
        _http.Dispose();
    }

    public override Task<WebSocketReceiveResult> ReceiveAsync(ArraySegment<byte> buffer, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override Task SendAsync(ArraySegment<byte> buffer, WebSocketMessageType messageType, bool endOfMessage, CancellationToken cancellationToken) => throw new NotSupportedException();

    private void End(int code, string reason)
    {
        lock (_lock)
        {
            _end ??= (code, reason);
            if (_state == WebSocketState.Open)
                _state = WebSocketState.Closed;
        }
    }

    private async Task PostAll()
    {
        try
        {
            while (NextPost() is { } body)
                await PostAsync(body).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Nothing more can be sent, so it is over.
            if (exception is PostRefusedException { IsTooBig: true })
                End(TooBig, exception.Message);
            _failure = exception.Message;
            Abort();
            lock (_lock)
                _room?.TrySetException(new WebSocketException(WebSocketError.ConnectionClosedPrematurely, exception.Message));
        }
    }

    private ReadOnlyMemory<byte>? NextPost()
    {
        lock (_lock)
        {
            if (_waiting.Count == 0)
            {
                _posting = Task.CompletedTask; // the next frame begins anew
                return null;
            }
            var body = new ArrayBufferWriter<byte>((int)Math.Min(_waitingBytes, PostBytes) + PostFrames);
            for (var count = 0; count < PostFrames && body.WrittenCount < PostBytes && _waiting.TryDequeue(out var frame); count++)
            {
                body.Write(count > 0 ? ","u8 : "["u8);
                body.Write(frame.Span);
                _waitingBytes -= frame.Length;
            }
            body.Write("]"u8);
            _room?.TrySetResult();
            _room = null;
            _number++;
            return body.WrittenMemory;
        }
    }

    /// <exception cref="PostRefusedException">The session is over, or nobody can be reached.</exception>
    private async Task PostAsync(ReadOnlyMemory<byte> body)
    {
        var start = _time.GetTimestamp();
        for (var pause = s_firstPause; ; pause = pause + pause < s_longestPause ? pause + pause : s_longestPause)
        {
            string failure;
            using (var timeout = new CancellationTokenSource(s_postTimeout / 3, _time))
            using (var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _abort.Token))
            {
                try
                {
                    using var request = Request(HttpMethod.Post, SessionAddress.Numbered(_post, _number), Volatile.Read(ref _token));
                    request.Content = new ReadOnlyMemoryContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
                    using var response = await _http.SendAsync(request, either.Token).ConfigureAwait(false);
                    if (response.StatusCode == HttpStatusCode.NoContent)
                        return;
                    failure = $"The server answered {(int)response.StatusCode} to what was sent.";
                    if (response.StatusCode is < HttpStatusCode.InternalServerError and not (HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout))
                        throw new PostRefusedException(failure) { IsTooBig = response.StatusCode == HttpStatusCode.RequestEntityTooLarge };
                }
                catch (Exception exception) when (exception is HttpRequestException or IOException || (exception is OperationCanceledException && !_abort.IsCancellationRequested))
                {
                    failure = exception.Message; // it may have been taken: the same number says so
                }
            }
            if (_time.GetElapsedTime(start) >= s_postTimeout)
                throw new PostRefusedException(failure);
            await Task.Delay(pause * (0.5 + Random.Shared.NextDouble() / 2), _time, _abort.Token).ConfigureAwait(false);
        }
    }

    private static HttpRequestMessage Request(HttpMethod method, Uri address, string? token)
    {
        var request = new HttpRequestMessage(method, address) { VersionPolicy = HttpVersionPolicy.RequestVersionOrHigher };
        if (token is not null)
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
        return request;
    }

    /// <summary>Reads <c>{"session":".."}</c>, or <c>{"code":1001,"reason":".."}</c>.</summary>
    private static (string? Text, int Code) Read(ReadOnlySpan<byte> json, string name)
    {
        try
        {
            var (text, code) = ((string?)null, 0);
            var reader = new Utf8JsonReader(json);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var (isText, isCode) = (reader.ValueTextEquals(name), reader.ValueTextEquals("code"u8));
                reader.Read();
                if (isText)
                    text = reader.GetString();
                else if (isCode)
                    code = reader.GetInt32();
                else
                    reader.Skip();
            }
            return (text, code);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new FormatException($"An event is not as the protocol has it: {exception.Message}", exception);
        }
    }

    private sealed class PostRefusedException(string message) : Exception(message)
    {
        public bool IsTooBig { get; init; }
    }
}
