using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Realtime.Tests.Shared;

/// <summary>A receiver of webhooks on real Kestrel. It verifies what it gets, and keeps each event that it accepts.</summary>
internal sealed class TestReceiver : IAsyncDisposable
{
    public const string Secret = "0123456789abcdef";

    private readonly WebApplication _app;
    private readonly Lock _gate = new();
    private readonly List<JsonObject> _accepted = [];
    private readonly Dictionary<string, (long Order, long Sequence)> _reached = []; // by room and epoch
    private readonly Dictionary<string, long> _repeated = []; // up to which order they have come in a request that is marked as a repeat
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running;

    private TestReceiver(WebApplication app)
    {
        _app = app;
        Url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
    }

    public string Url { get; }

    /// <summary>Answers a request with its body; null accepts it. Called before anything of it is taken.</summary>
    public Func<HttpContext, JsonArray, Task<bool>> Answer { get; set; } = (_, _) => Task.FromResult(true);

    /// <summary>What a request had that it must not.</summary>
    public List<string> Faults { get; } = [];

    /// <summary>The newest request's signature and body.</summary>
    public (string Signature, byte[] Body) Last { get; private set; }

    public int Requests;

    public int MostAtOnce;

    /// <summary>Events that came again.</summary>
    public int Repeats;

    public static async Task<TestReceiver> Start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        TestReceiver? receiver = null;
        app.Run(context => receiver!.Receive(context));
        await app.StartAsync();
        return receiver = new TestReceiver(app);
    }

    /// <summary>The settings of a process that tells it of all rooms.</summary>
    public string[] Arguments(string rooms = "*") => [$"--Webhooks:Receivers:0:Room={rooms}", $"--Webhooks:Receivers:0:Url={Url}", $"--Webhooks:Receivers:0:Secret={Secret}"];

    /// <summary>Waits for so many events of a room, each once, in the order in which they came.</summary>
    public Task<JsonObject[]> Events(string room, int count) => Events(room, count, _ => true);

    /// <summary>The same of messages only.</summary>
    public Task<JsonObject[]> Messages(string room, int count) => Events(room, count, item => item["seq"] is not null);

    private Task<JsonObject[]> Events(string room, int count, Func<JsonObject, bool> which) => Until(room, events => events.Length >= count, which, $"there are not {count}");

    /// <summary>Waits until the events of a room are as wanted.</summary>
    /// <param name="room">Its name.</param>
    /// <param name="isDone">Asked each time that there are more.</param>
    /// <param name="which">Those that count; all when null.</param>
    /// <param name="problem">What to say when they never are.</param>
    public async Task<JsonObject[]> Until(string room, Func<JsonObject[], bool> isDone, Func<JsonObject, bool>? which = null, string problem = "they are not as wanted")
    {
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            Task more;
            lock (_gate)
            {
                JsonObject[] found = [.. _accepted.Where(item => (string?)item["room"] == room && which?.Invoke(item) != false)];
                if (isDone(found))
                    return found;
                more = _more.Task;
                if (bound.IsCancellationRequested)
                    Assert.Fail($"{problem}: {string.Join('\n', found.Select(item => item.ToJsonString()))}");
            }
            await Task.WhenAny(more, Task.Delay(1000));
        }
    }

    private async Task Receive(HttpContext context)
    {
        var running = Interlocked.Increment(ref _running);
        Interlocked.Increment(ref Requests);
        try
        {
            using var buffer = new MemoryStream();
            await context.Request.Body.CopyToAsync(buffer);
            var body = buffer.ToArray();
            var attempt = int.Parse(context.Request.Headers["Realtime-Attempt"].ToString(), CultureInfo.InvariantCulture);
            var events = JsonNode.Parse(body)!.AsArray();
            lock (_gate)
            {
                MostAtOnce = Math.Max(MostAtOnce, running);
                Check(context.Request, body);
            }
            if (!await Answer(context, events))
                return;
            lock (_gate)
            {
                foreach (var item in events)
                    Take(item!.AsObject(), isMarked: attempt > 1 || context.RequestAborted.IsCancellationRequested); // given up, and made again meanwhile
                _more.TrySetResult();
                _more = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    // As a receiver is told to: what is not above what it has had of the room's epoch is a repeat.
    private void Take(JsonObject item, bool isMarked)
    {
        var key = $"{item["room"]} {item["epoch"]}";
        var (order, sequence) = ((long)item["order"]!, (long?)item["seq"]);
        var reached = _reached.GetValueOrDefault(key);
        if (isMarked)
            _repeated[key] = Math.Max(order, _repeated.GetValueOrDefault(key));
        if (order <= reached.Order || sequence <= reached.Sequence)
        {
            Repeats++;
            // The first attempt, given up by its sender, may be taken after the second: then that one was marked.
            if (!isMarked && order > _repeated.GetValueOrDefault(key))
                Faults.Add($"a repeat that is not marked: {item.ToJsonString()}");
            return;
        }
        _reached[key] = (order, sequence ?? reached.Sequence);
        _accepted.Add(item);
    }

    private void Check(HttpRequest request, byte[] body)
    {
        if (request.Method != "POST" || request.ContentType != "application/json")
            Faults.Add($"{request.Method} {request.ContentType}");
        var parts = request.Headers["Realtime-Signature"].ToString().Split(',');
        var time = parts[0]["t=".Length..];
        byte[] signed = [.. Encoding.ASCII.GetBytes(time + "."), .. body];
        Last = (request.Headers["Realtime-Signature"].ToString(), body);
        if (!parts[1..].Contains("v1=" + Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), signed))))
            Faults.Add("a wrong signature");
        if (Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - long.Parse(time, CultureInfo.InvariantCulture)) > 5)
            Faults.Add("a wrong time");
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
