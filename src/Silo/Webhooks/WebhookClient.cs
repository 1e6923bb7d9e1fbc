using System.Globalization;
using System.Net.Http.Headers;
using System.Text;

namespace Realtime.Silo.Webhooks;

/// <summary>Posts to one receiver. It is not believed: redirects are not followed, nothing of an answer is read but its head, and that is bounded.</summary>
internal sealed class WebhookClient : IDisposable
{
    private static readonly MediaTypeHeaderValue s_json = new("application/json");

    private readonly HttpClient _http;
    private readonly Uri _address;
    private readonly byte[][] _secrets;
    private readonly WebhookOptions _options;
    private readonly TimeProvider _time;

    public WebhookClient(WebhookRule rule, WebhookOptions options, TimeProvider time)
    {
        (_address, _secrets, _options, _time) = (rule.Address, [.. rule.AllSecrets.Select(Encoding.UTF8.GetBytes)], options, time);
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ActivityHeadersPropagator = null, // traces of this process are nobody's business
            ConnectTimeout = options.Timeout,
            MaxConnectionsPerServer = options.Concurrency,
            MaxResponseHeadersLength = 16, // KiB
            MaxResponseDrainSize = 16 * 1024, // beyond it the connection is closed and not read to the end
            ResponseDrainTimeout = TimeSpan.FromSeconds(1),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // then the name is looked up again
        })
        { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("Realtime-Webhooks/1");
    }

    /// <summary>Posts a body once. Never throws.</summary>
    /// <param name="body">A JSON array.</param>
    /// <param name="attempt">Above 1 when events in it may have come before.</param>
    public async Task<WebhookAnswer> Post(byte[] body, int attempt)
    {
        try
        {
            using var over = new CancellationTokenSource(_options.Timeout, _time);
            using var request = new HttpRequestMessage(HttpMethod.Post, _address) { Content = new ByteArrayContent(body) };
            request.Content.Headers.ContentType = s_json;
            request.Headers.TryAddWithoutValidation(WebhookSignature.Header, WebhookSignature.Sign(_secrets, _time.GetUtcNow().ToUnixTimeSeconds(), body));
            request.Headers.TryAddWithoutValidation("Realtime-Attempt", attempt.ToString(CultureInfo.InvariantCulture));
            try
            {
                using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, over.Token);
                return response.IsSuccessStatusCode ? WebhookAnswer.Accepted : new("refused", $"it answers {(int)response.StatusCode}", response.Headers.RetryAfter?.Delta);
            }
            catch (OperationCanceledException) when (over.IsCancellationRequested)
            {
                return new("timeout", $"it does not answer within {_options.Timeout}");
            }
        }
        catch (Exception exception)
        {
            return new("failed", exception.InnerException?.Message ?? exception.Message);
        }
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>What became of a request.</summary>
/// <param name="Outcome">For the metric.</param>
/// <param name="Reason">Why it was not accepted; null when it was.</param>
/// <param name="RetryAfter">How long the receiver asks to wait.</param>
internal readonly record struct WebhookAnswer(string Outcome, string? Reason, TimeSpan? RetryAfter = null)
{
    public static WebhookAnswer Accepted { get; } = new("accepted", null);

    public bool IsAccepted => Reason is null;
}
