using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Text.Json.Nodes;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Tests;

/// <summary>An event of a stream.</summary>
/// <param name="Type">As a browser dispatches it.</param>
/// <param name="Id">A browser's last event id when it does.</param>
/// <param name="Data">What it has.</param>
internal sealed record Event(string Type, string Id, string Data)
{
    public JsonObject Json => JsonNode.Parse(Data)!.AsObject();

    public string Content => (string)Json["content"]!;
}

/// <summary>A client of a stream of events, read by .NET's own parser, every wait bounded.</summary>
internal sealed class EventClient : IAsyncDisposable
{
    private readonly CancellationTokenSource _bound = new(TestClient.Bound);
    private readonly IAsyncEnumerator<SseItem<string>> _events;
    private readonly SseParser<string> _parser;
    private bool _isDisposed;

    private EventClient(HttpResponseMessage response, Stream stream)
    {
        Response = response;
        _parser = SseParser.Create(stream);
        _events = _parser.EnumerateAsync(_bound.Token).GetAsyncEnumerator();
    }

    public HttpResponseMessage Response { get; }

    public TimeSpan Retry => _parser.ReconnectionInterval;

    /// <summary>What a browser would come back with.</summary>
    public string LastEventId => _parser.LastEventId;

    public static async Task<EventClient> Open(Front front, string target, string? lastEventId = null, string? token = null)
    {
        var response = await Ask(front, target, lastEventId, token);
        if (response.StatusCode != HttpStatusCode.OK) // else there is no end of it
            Assert.Fail($"{target}: {response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        return new EventClient(response, await response.Content.ReadAsStreamAsync());
    }

    /// <summary>Asks for a stream; the answer may be another one.</summary>
    public static Task<HttpResponseMessage> Ask(Front front, string target, string? lastEventId = null, string? token = null, string accept = "text/event-stream")
    {
        var request = new HttpRequestMessage(HttpMethod.Get, target) { Version = front.Http.DefaultRequestVersion, VersionPolicy = front.Http.DefaultVersionPolicy, Headers = { Accept = { MediaTypeWithQualityHeaderValue.Parse(accept) } } };
        if (lastEventId is not null)
            request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
        if (token is not null)
            request.Headers.Authorization = new("Bearer", token);
        return front.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>A stream that is refused: its status and code.</summary>
    public static async Task<(int Status, string? Code)> Refused(Front front, string target, string? lastEventId = null, string? token = null, string accept = "text/event-stream")
    {
        using var response = await Ask(front, target, lastEventId, token, accept);
        Assert.True(response.StatusCode != HttpStatusCode.OK, "it was let in");
        var body = await response.Content.ReadAsStringAsync();
        return ((int)response.StatusCode, body.Length == 0 ? null : (string?)JsonNode.Parse(body)!["code"]);
    }

    /// <summary>The next event; null at the end.</summary>
    public async Task<Event?> Next()
    {
        if (!await _events.MoveNextAsync())
            return null;
        var item = _events.Current;
        var read = new Event(item.EventType, _parser.LastEventId, item.Data);
        if (item.EventType is not ("closed" or "session" or "text" or "binary") && !FrameCatalog.Server.Any(form => form.Fits((string)read.Json["type"]!, [.. read.Json.Select(field => field.Key)])))
            Assert.Fail($"not in the catalogue: {item.Data}");
        return read;
    }

    /// <summary>The next event, which must be of the type.</summary>
    public async Task<Event> Next(string type)
    {
        var next = await Next();
        Assert.True(next?.Type == type, $"expected {type}, got {next?.Type} {next?.Data}");
        return next!;
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        Response.Dispose();
        await _bound.CancelAsync();
        try
        {
            await _events.DisposeAsync();
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or HttpRequestException)
        {
            // It was cut in the middle.
        }
        _bound.Dispose();
    }
}
