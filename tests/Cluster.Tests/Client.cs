using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;

namespace Realtime.Cluster.Tests;

/// <summary>
/// A client with a real WebSocket. It answers its callers by the ids of their frames, and keeps for each room what it has
/// heard, in order.
/// </summary>
internal sealed class Client : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ClientWebSocket _socket = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource<JsonElement>> _waiting = new();
    private readonly ConcurrentDictionary<string, ConcurrentQueue<Heard>> _heard = new();
    private readonly ConcurrentDictionary<string, ConcurrentQueue<Heard>> _losses = new();
    private readonly Channel<JsonElement> _presence = Channel.CreateUnbounded<JsonElement>();
    private readonly SemaphoreSlim _sending = new(1);
    private Task _reading = Task.CompletedTask;
    private int _ids;

    /// <summary>A message of a room, and when it came (<see cref="Stopwatch.GetTimestamp"/>).</summary>
    public readonly record struct Heard(string Epoch, long Sequence, string Content, long At);

    public static async Task<Client> Connect(ServerProcess front, string user)
    {
        var client = new Client();
        using var bound = new CancellationTokenSource(Patience);
        await client._socket.ConnectAsync(new($"ws://127.0.0.1:{front.Port}/ws?user={user}"), bound.Token);
        client._reading = client.Read();
        return client;
    }

    public IReadOnlyCollection<Heard> HeardIn(string room) => _heard.TryGetValue(room, out var heard) ? heard : [];

    /// <summary>What the server has told of messages that are lost to this client: each time, where the room was then.</summary>
    public IReadOnlyCollection<Heard> LossesIn(string room) => _losses.TryGetValue(room, out var losses) ? losses : [];

    /// <summary>Completes with the close code and its reason when the server has closed.</summary>
    public async Task<(int Code, string Reason)> Closed()
    {
        await _reading.WaitAsync(Patience);
        return ((int)(_socket.CloseStatus ?? 0), _socket.CloseStatusDescription ?? "");
    }

    public Task Join(string room) => Done(Ask($$"""{"type":"join","room":"{{room}}"}"""), "joined");

    /// <summary>Publishes, and waits for the ack.</summary>
    /// <exception cref="InvalidOperationException">The answer was an error.</exception>
    public Task Publish(string room, string content) =>
        Done(Ask($$"""{"type":"message","room":"{{room}}","content":"{{content}}"}"""), "ack");

    /// <summary>The next join or leave of a room that this client hears.</summary>
    public async Task<(string Type, string User)> NextPresence()
    {
        var frame = await _presence.Reader.ReadAsync().AsTask().WaitAsync(Patience);
        return (frame.GetProperty("type").GetString()!, frame.GetProperty("from").GetString()!);
    }

    /// <summary>Waits until a message with this content has come in the room.</summary>
    public async Task<Heard> WaitFor(string room, string content)
    {
        var bound = Stopwatch.StartNew();
        while (bound.Elapsed < Patience)
        {
            foreach (var heard in HeardIn(room))
            {
                if (heard.Content == content)
                    return heard;
            }
            await Task.Delay(10);
        }
        throw new TimeoutException($"{room} has not had \"{content}\" within {Patience.TotalSeconds} s.");
    }

    private static async Task Done(Task<JsonElement> ask, string type)
    {
        var answer = await ask;
        if (answer.GetProperty("type").GetString() != type)
            throw new InvalidOperationException($"The answer was {answer}.");
    }

    /// <summary>Sends a frame with an id, and gives the answer to it.</summary>
    public async Task<JsonElement> Ask(string frame)
    {
        var id = $"{Interlocked.Increment(ref _ids)}";
        var answer = _waiting[id] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await _sending.WaitAsync();
        try
        {
            await _socket.SendAsync(Encoding.UTF8.GetBytes($$"""{"id":"{{id}}",{{frame[1..]}}"""), WebSocketMessageType.Text, true, CancellationToken.None).WaitAsync(Patience);
        }
        finally
        {
            _sending.Release();
        }
        return await answer.Task.WaitAsync(Patience);
    }

    private async Task Read()
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (true)
            {
                var length = 0;
                ValueWebSocketReceiveResult part;
                do
                {
                    part = await _socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
                    length += part.Count;
                }
                while (!part.EndOfMessage);
                if (part.MessageType == WebSocketMessageType.Close)
                    throw new WebSocketException($"closed: {_socket.CloseStatus} {_socket.CloseStatusDescription}");
                using var json = JsonDocument.Parse(buffer.AsMemory(0, length));
                Take(json.RootElement);
            }
        }
        catch (Exception exception) when (exception is WebSocketException or ObjectDisposedException or OperationCanceledException)
        {
            foreach (var waiting in _waiting.Values)
                waiting.TrySetException(new WebSocketException($"The connection has gone: {exception.Message}"));
        }
    }

    private void Take(JsonElement frame)
    {
        if (frame.TryGetProperty("id", out var id) && _waiting.TryRemove(id.GetString()!, out var waiting))
        {
            waiting.SetResult(frame.Clone());
            return;
        }
        switch (frame.GetProperty("type").GetString())
        {
            case "message":
                _heard.GetOrAdd(frame.GetProperty("room").GetString()!, _ => new()).Enqueue(new(
                    frame.GetProperty("epoch").GetString()!, frame.GetProperty("seq").GetInt64(), frame.GetProperty("content").GetString()!, Stopwatch.GetTimestamp()));
                break;
            case "joined" when !frame.GetProperty("recovered").GetBoolean():
                _losses.GetOrAdd(frame.GetProperty("room").GetString()!, _ => new()).Enqueue(new(
                    frame.GetProperty("epoch").GetString()!, frame.GetProperty("seq").GetInt64(), "", Stopwatch.GetTimestamp()));
                break;
            case "join" or "leave":
                _presence.Writer.TryWrite(frame.Clone());
                break;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        await _reading.WaitAsync(Patience);
    }
}
