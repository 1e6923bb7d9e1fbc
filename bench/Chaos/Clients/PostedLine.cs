using System.Net;
using System.Net.ServerSentEvents;
using System.Text;
using System.Threading.Channels;

namespace Realtime.Chaos.Clients;

/// <summary>
/// A session without a WebSocket: frames come as server-sent events, and go up by posts, each to whichever front, as behind a proxy that
/// knows nothing of sessions.
/// </summary>
internal sealed class PostedLine : ILine
{
    /// <summary>The most frames of a post.</summary>
    private const int MostFrames = 256;

    /// <summary>How long the first event may take: it comes when the user's silo has answered, which may just have died.</summary>
    private static readonly TimeSpan s_openTimeout = TimeSpan.FromSeconds(15);

    /// <summary>As the JavaScript client has it.</summary>
    private static readonly TimeSpan s_postTimeout = TimeSpan.FromSeconds(10);

    private static readonly HttpClient s_http = new(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(5) })
    {
        Timeout = Timeout.InfiniteTimeSpan, // streams have no end
    };

    private readonly Func<IReadOnlyList<Uri>> _fronts;
    private readonly string _user;
    private readonly HttpResponseMessage _response;
    private readonly SseParser<string> _parser;
    private readonly IAsyncEnumerator<SseItem<string>> _events;
    private readonly CancellationTokenSource _reading;
    private readonly CancellationTokenSource _isOver = new();
    private string _session = "";
    private long _number;

    private PostedLine(Func<IReadOnlyList<Uri>> fronts, string user, HttpResponseMessage response, Stream stream, CancellationTokenSource reading)
    {
        (_fronts, _user, _response, _reading) = (fronts, user, response, reading);
        _parser = SseParser.Create(stream, (_, data) => Encoding.UTF8.GetString(data));
        _events = _parser.EnumerateAsync(reading.Token).GetAsyncEnumerator(CancellationToken.None);
    }

    /// <summary>Opens sessions, of which the posts go to any of these fronts.</summary>
    public static OpenLine Among(Func<IReadOnlyList<Uri>> fronts) => (front, user, stopping) => Open(fronts, front, user, stopping);

    private static async Task<ILine?> Open(Func<IReadOnlyList<Uri>> fronts, Uri front, string user, CancellationToken stopping)
    {
        var address = new UriBuilder(front) { Scheme = Uri.UriSchemeHttp, Path = "/api/session/events", Query = $"user={user}" }.Uri;
        using var request = new HttpRequestMessage(HttpMethod.Get, address) { Headers = { { "Accept", "text/event-stream" } } };
        var reading = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        reading.CancelAfter(s_openTimeout);
        HttpResponseMessage? response = null;
        try
        {
            response = await s_http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, reading.Token);
            if (response.StatusCode == HttpStatusCode.OK)
            {
                var line = new PostedLine(fronts, user, response, await response.Content.ReadAsStreamAsync(reading.Token), reading);
                if (await line._events.MoveNextAsync() && line._events.Current is { EventType: "session" } first)
                {
                    reading.CancelAfter(Timeout.Infinite);
                    line._session = System.Text.Json.Nodes.JsonNode.Parse(first.Data)!["session"]!.GetValue<string>();
                    return line;
                }
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or OperationCanceledException)
        {
            // It cannot be opened now.
        }
        response?.Dispose();
        reading.Dispose();
        return null;
    }

    public async Task Send(ChannelReader<string> frames, CancellationToken stopping)
    {
        try
        {
            while (await frames.WaitToReadAsync(stopping))
            {
                var batch = new List<string>();
                while (batch.Count < MostFrames && frames.TryRead(out var frame))
                    batch.Add(frame);
                if (!await Post($"[{string.Join(',', batch)}]", stopping))
                {
                    await _isOver.CancelAsync();
                    return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The receiving side tells of the loss.
        }
    }

    /// <summary>Until it is taken, under the same number; false when the session is over.</summary>
    private async Task<bool> Post(string body, CancellationToken stopping)
    {
        var number = ++_number;
        for (var attempt = 0; ; attempt++)
        {
            var all = _fronts();
            var address = new UriBuilder(all[Random.Shared.Next(all.Count)]) { Scheme = Uri.UriSchemeHttp, Path = $"/api/session/{_session}", Query = $"number={number}&user={_user}" }.Uri;
            using (var bound = CancellationTokenSource.CreateLinkedTokenSource(stopping))
            {
                bound.CancelAfter(s_postTimeout);
                try
                {
                    using var answer = await s_http.PostAsync(address, new StringContent(body, Encoding.UTF8, "application/json"), bound.Token);
                    if (answer.IsSuccessStatusCode)
                        return true;
                    // Behind (429), or its front cannot be asked now (503): again. Whatever else is the end.
                    if (answer.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable))
                        return false;
                }
                catch (Exception exception) when (exception is HttpRequestException or IOException || (exception is OperationCanceledException && !stopping.IsCancellationRequested))
                {
                    // No answer: it may have been taken.
                }
            }
            await Task.Delay(BackOff.Next(attempt), stopping);
        }
    }

    public async Task<string> Receive(ReceiveFrame received, CancellationToken stopping)
    {
        using var cancelled = stopping.Register(_reading.Cancel);
        using var over = _isOver.Token.Register(_reading.Cancel);
        try
        {
            while (await _events.MoveNextAsync())
            {
                var item = _events.Current;
                if (item.EventType == "closed")
                    return $"closed: {item.Data}";
                if (item.EventType == "message")
                    received(ServerFrame.Parse(Encoding.UTF8.GetBytes(item.Data)));
            }
            return "ended";
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException or OperationCanceledException)
        {
            return _isOver.IsCancellationRequested ? "a post was refused: the session is over" : exception.Message;
        }
    }

    public void Dispose()
    {
        _response.Dispose();
        _reading.Dispose();
        _isOver.Dispose();
    }
}
