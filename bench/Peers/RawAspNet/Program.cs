using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Threading.Channels;

// What one writes with ASP.NET Core alone: a WebSocket, a bounded channel and a pump for each connection. A frame goes to
// every member of the room in the path, as it came.
var builder = WebApplication.CreateBuilder(args);
builder.Logging.SetMinimumLevel(LogLevel.Warning);
var app = builder.Build();
app.UseWebSockets();
var rooms = new ConcurrentDictionary<string, ConcurrentDictionary<Member, byte>>();

// A request that stays open, for what streams of events cost without anything of ours.
app.MapGet("/events", async (HttpContext context) =>
{
    context.Response.ContentType = "text/event-stream";
    await context.Response.WriteAsync("data: {}\n\n");
    await context.Response.Body.FlushAsync();
    var ended = new TaskCompletionSource();
    await using var aborted = context.RequestAborted.UnsafeRegister(static ended => ((TaskCompletionSource)ended!).TrySetResult(), ended);
    await ended.Task;
});

app.Map("/r/{room}", async (HttpContext context, string room) =>
{
    if (!context.WebSockets.IsWebSocketRequest)
    {
        context.Response.StatusCode = StatusCodes.Status400BadRequest;
        return;
    }
    using var socket = await context.WebSockets.AcceptWebSocketAsync();
    var members = rooms.GetOrAdd(room, _ => new());
    var me = new Member(socket);
    members[me] = 0;
    var pump = me.Pump(context.RequestAborted);
    try
    {
        var buffer = new byte[4096];
        while (true)
        {
            var used = 0;
            ValueWebSocketReceiveResult part;
            do
            {
                if (used == buffer.Length)
                    Array.Resize(ref buffer, used * 2);
                part = await socket.ReceiveAsync(buffer.AsMemory(used), context.RequestAborted);
                used += part.Count;
            }
            while (!part.EndOfMessage);
            if (part.MessageType == WebSocketMessageType.Close)
                break;
            ReadOnlyMemory<byte> message = buffer.AsSpan(0, used).ToArray();
            foreach (var (member, _) in members)
                member.Send(message);
        }
    }
    catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
    {
        // The client has gone.
    }
    finally
    {
        members.TryRemove(me, out _);
        me.End();
    }
    await pump;
    if (socket.State == WebSocketState.CloseReceived)
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
});
app.Run();

internal sealed class Member(WebSocket socket)
{
    private readonly Channel<ReadOnlyMemory<byte>> _queue =
        Channel.CreateBounded<ReadOnlyMemory<byte>>(new BoundedChannelOptions(256) { SingleReader = true });

    public void Send(ReadOnlyMemory<byte> message)
    {
        if (!_queue.Writer.TryWrite(message))
            socket.Abort(); // a slow consumer
    }

    public void End() => _queue.Writer.TryComplete();

    public async Task Pump(CancellationToken stop)
    {
        try
        {
            await foreach (var message in _queue.Reader.ReadAllAsync(stop))
                await socket.SendAsync(message, WebSocketMessageType.Text, true, stop);
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
        {
            // The client has gone; the read loop sees it too.
        }
    }
}
