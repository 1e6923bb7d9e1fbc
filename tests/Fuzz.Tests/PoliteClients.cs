using System.Diagnostics;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace Realtime.Fuzz.Tests;

/// <summary>
/// Two users in a room of their own: one publishes numbered messages, the other reads them. Neither may notice anything of what others do.
/// </summary>
internal sealed class PoliteClients : IAsyncDisposable
{
    private const string Room = "polite", Publisher = "polite-publisher", Reader = "polite-reader";

    /// <summary>Generous: the machine is full with this test and with others.</summary>
    private static readonly TimeSpan s_latency = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan s_pace = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource _stop = new();
    private readonly ClientWebSocket _publisher = new(), _reader = new();
    private readonly byte[] _buffer = new byte[1 << 20];
    private long _sequence;
    private Task _work = Task.CompletedTask;

    /// <summary>Messages that came in order.</summary>
    public int Count { get; private set; }

    /// <summary>The longest time from a publish until its ack was there and the other had the message.</summary>
    public TimeSpan Worst { get; private set; }

    /// <summary>Ends with an exception when they were not served.</summary>
    public Task Work => _work;

    public static async Task<PoliteClients> Start(IPEndPoint server)
    {
        var clients = new PoliteClients();
        foreach (var (socket, user) in new[] { (clients._reader, Reader), (clients._publisher, Publisher) })
        {
            await socket.ConnectAsync(new Uri($"ws://{server}/ws?user={user}"), Bound().Token);
            await clients.Ask(socket, user, $$"""{"type":"join","id":"join","room":"{{Room}}"}""", "join", "joined");
        }
        clients._work = Task.Run(clients.Publish);
        return clients;
    }

    /// <summary>Stops, and throws when they were not served until now.</summary>
    public async Task Stop()
    {
        await _stop.CancelAsync();
        await _work;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAny(_work);
        _publisher.Dispose();
        _reader.Dispose();
        _stop.Dispose();
    }

    private async Task Publish()
    {
        using var timer = new PeriodicTimer(s_pace);
        while (!_stop.IsCancellationRequested)
        {
            var start = Stopwatch.GetTimestamp();
            var text = $"number {Count}";
            await Ask(_publisher, Publisher, $$"""{"type":"message","id":"m{{Count}}","room":"{{Room}}","content":"{{text}}"}""", $"m{Count}", "ack");
            await Expect(text);
            Count++;
            if (Stopwatch.GetElapsedTime(start) is var taken && taken > Worst)
                Worst = taken;
            if (taken > s_latency)
                throw new FuzzFailure($"polite message {Count} took {taken.TotalSeconds:F1} s");
            await timer.WaitForNextTickAsync();
        }
    }

    private async Task Ask(ClientWebSocket socket, string user, string text, string id, string type)
    {
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, Bound().Token);
        while (true)
        {
            using var answer = await Receive(socket, user);
            if (!answer.RootElement.TryGetProperty("id", out var answered) || answered.GetString() != id)
                continue;
            if (answer.RootElement.GetProperty("type").GetString() != type)
                throw new FuzzFailure($"the polite {user} was answered {answer.RootElement.GetRawText()}");
            return;
        }
    }

    /// <summary>The reader's next message of the room is this one, from the publisher, one further than the last.</summary>
    private async Task Expect(string text)
    {
        while (true)
        {
            using var frame = await Receive(_reader, Reader);
            var root = frame.RootElement;
            if (root.GetProperty("type").GetString() != "message" || !root.TryGetProperty("room", out var room))
                continue;
            var sequence = root.GetProperty("seq").GetInt64();
            if (room.GetString() != Room || root.GetProperty("from").GetString() != Publisher || root.GetProperty("content").GetString() != text
                || (_sequence != 0 && sequence != _sequence + 1))
                throw new FuzzFailure($"the polite reader awaited {text} at {_sequence + 1} and got {root.GetRawText()}");
            _sequence = sequence;
            return;
        }
    }

    private async Task<JsonDocument> Receive(ClientWebSocket socket, string user)
    {
        var length = 0;
        try
        {
            while (true)
            {
                using var bound = Bound();
                var part = await socket.ReceiveAsync(_buffer.AsMemory(length), bound.Token);
                if (part.MessageType == WebSocketMessageType.Close)
                    throw new FuzzFailure($"the polite {user} was closed with {(int?)socket.CloseStatus} {socket.CloseStatusDescription}");
                length += part.Count;
                if (part.EndOfMessage)
                    break;
            }
        }
        catch (OperationCanceledException)
        {
            throw new FuzzFailure($"the polite {user} heard nothing for {s_latency.TotalSeconds} s");
        }
        catch (WebSocketException exception)
        {
            throw new FuzzFailure($"the polite {user} was cut: {exception.Message}");
        }
        var text = Encoding.UTF8.GetString(_buffer, 0, length);
        Answers.Check(text, user);
        var frame = Answers.Parse(text);
        // Neither user is sent anything directly; what goes to everybody says that it does.
        if (frame.RootElement.GetProperty("type").GetString() == "message" && !frame.RootElement.TryGetProperty("room", out _)
            && (frame.RootElement.TryGetProperty("to", out _) || (frame.RootElement.TryGetProperty("content", out var content) && content.GetString() == "hi")))
            throw new FuzzFailure($"the polite {user} got what was not meant for it: {text}");
        return frame;
    }

    private static CancellationTokenSource Bound() => new(s_latency);
}
