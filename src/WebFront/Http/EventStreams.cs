using System.Buffers;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Realtime.Connections;
using Realtime.WebFront.Operation;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Http;

/// <summary>
/// Streams of server-sent events. Each is a connection of the protocol, whose client has sent one command, by its request, and sends
/// nothing more: so members, limits, access and slow consumers are what they are for WebSockets.
/// </summary>
internal sealed class EventStreams : IDisposable
{
    // How long a browser waits until it comes back, spread for when a front has died.
    private const int LeastRetry = 1000, MostRetry = 3000; // milliseconds

    private readonly Upgrader _rooms, _inboxes, _sessions;
    private readonly string _front;
    private readonly Meter _meter;

    public EventStreams(IServiceProvider services, IOptions<FrontOptions> options, FrontDrain drain, GrainCalls calls, ConnectionRegistry registry, IConfiguration configuration, IMeterFactory meters)
    {
        var protocol = ActivatorUtilities.CreateInstance<RealtimeProtocol>(services);
        _rooms = new(services, protocol, connections => Configure(connections, ServerEvents.OfRoom));
        _inboxes = new(services, protocol, connections => Configure(connections, ServerEvents.OfInbox));
        _sessions = new(services, protocol, connections =>
        {
            Configure(connections, ServerEvents.OfSession);
            connections.State = context => context.Items[typeof(PostedSession)];
            connections.MaxMessageSize = RealtimeFrontExtensions.MaxMessageSize(connections, options.Value, configuration);
        });
        _front = calls.Front;
        _meter = meters.Create(FrontTelemetry.MeterName);
        _meter.CreateObservableUpDownCounter("realtime.front.event_streams", () => registry.Connections.Count(connection => connection.State is Session { IsStream: true } or Session { Posted: not null }), "{stream}", "Streams of server-sent events that are open.");

        void Configure(ConnectionOptions connections, ServerEvents format)
        {
            connections.Events = format;
            connections.State = _ => this; // by which the protocol knows what the connection is
            connections.SlowConsumer = SlowConsumerPolicy.Disconnect;
            connections.OnUpgradeRefused = (context, refusal) => Problems.Write(context, Problems.Of(refusal.Status), refusal.Reason);
            connections.Gate = drain;
            connections.PingInterval = options.Value.EventsHeartbeat;
            connections.ReadTimeout = Max(connections.ReadTimeout, 3 * options.Value.EventsHeartbeat);
        }

        static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
    }

    /// <summary>Serves a stream; the task in the result ends with it.</summary>
    /// <param name="context">The request.</param>
    /// <param name="room">Null for the inbox of who asks.</param>
    /// <param name="since">The position after which it goes on; null for the present.</param>
    /// <param name="join">What else a join to the room asks for.</param>
    public Task<Task> Serve(HttpContext context, string? room, (string Epoch, long Sequence)? since, StreamJoin join)
    {
        var retry = Random.Shared.Next(LeastRetry, MostRetry);
        // The id is that of the first event, unless it has one of its own: what was missed comes behind it.
        var start = since is var (epoch, sequence)
            ? string.Create(CultureInfo.InvariantCulture, $"retry: {retry}\nid: {epoch}:{sequence}\n")
            : string.Create(CultureInfo.InvariantCulture, $"retry: {retry}\n");
        return (room is null ? _inboxes : _rooms).StreamAsync(context, Command(room, since, join), (begun, first) => Begin(begun, first, () => Task.FromResult(start)));
    }

    /// <summary>Serves a whole session, whose client posts what it sends.</summary>
    public Task<Task> ServeSession(HttpContext context)
    {
        var posted = new PostedSession();
        context.Items[typeof(PostedSession)] = posted;
        return _sessions.StreamAsync(context, "{\"type\":\"ping\"}"u8.ToArray(), (begun, first) => Begin(begun, first, Start), posted.Input);

        async Task<string> Start() => $$"""
            event: session
            data: {"session":"{{await posted.AddressAt(_front)}}"}


            """.ReplaceLineEndings("\n");
    }

    public void Dispose() => _meter.Dispose();

    private static ReadOnlyMemory<byte> Command(string? room, (string Epoch, long Sequence)? since, StreamJoin join)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("type", room is null ? "inbox" : "join");
            if (room is not null)
                json.WriteString("room", room);
            if (since is var (epoch, sequence))
            {
                json.WriteString("epoch", epoch);
                json.WriteNumber("seq", sequence);
            }
            if (join.Last is { } last)
                json.WriteNumber("last", last);
            if (join.Presence is { } presence)
                json.WriteString("presence", presence);
            json.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }

    /// <summary>The answer begins with the first event: until then it can be a problem, as for any request.</summary>
    private static async ValueTask<ReadOnlyMemory<byte>?> Begin(HttpContext context, ReadOnlyMemory<byte> first, Func<Task<string>> start)
    {
        if (ServerEvents.Refusal(first.Span) is var (close, code, reason))
        {
            var problem = close is { } status ? OfClose(status) : Problems.OfCode(code);
            if (problem.Status == StatusCodes.Status503ServiceUnavailable)
                context.Response.Headers.RetryAfter = "1"; // second
            await Problems.Write(context, problem, reason);
            return null;
        }
        var (response, headers) = (context.Response, context.Response.Headers);
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "text/event-stream; charset=utf-8";
        headers.CacheControl = "no-cache, no-store";
        headers["X-Accel-Buffering"] = "no"; // of nginx, which else waits for more
        return Encoding.UTF8.GetBytes(await start());
    }

    private static Problem OfClose(ushort code) => code switch
    {
        CloseCodes.Kicked or CloseCodes.PolicyViolation => Problems.Forbidden,
        CloseCodes.TokenExpired => Problems.Unauthorized,
        CloseCodes.Replaced or CloseCodes.RateLimited => Problems.RateLimited,
        CloseCodes.InternalError => Problems.Internal,
        _ => Problems.Unavailable,
    };
}

/// <summary>What the stream of a room asks for beside its place.</summary>
/// <param name="Last">How many messages of before it begins with, unless it goes on.</param>
/// <param name="Presence">What it is told of who is there, as <c>presence</c> of a join.</param>
internal readonly record struct StreamJoin(long? Last, string? Presence);
