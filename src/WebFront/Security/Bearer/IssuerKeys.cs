using System.Text;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Realtime.WebFront.Security;

/// <summary>What an issuer publishes.</summary>
/// <param name="Issuer">Its name; null when only a key set is read.</param>
/// <param name="Keys">Its keys.</param>
internal sealed record IssuerDocument(string? Issuer, IReadOnlyList<SigningKey> Keys);

/// <summary>
/// The keys of an issuer, by its metadata (OpenID Connect Discovery 1.0 section 4) or by the address of its key set. The library's
/// <see cref="ConfigurationManager{T}"/> decides when they are read again; one read at a time, and the last good ones stay.
/// </summary>
internal sealed class IssuerKeys : IConfigurationRetriever<IssuerDocument>, IDisposable
{
    private const int MaxSize = 1024 * 1024; // bytes, as of a key file
    private static readonly TimeSpan s_answerTimeout = TimeSpan.FromSeconds(10);

    // Bounds the reads that tokens with unknown key ids can cause.
    private static readonly TimeSpan s_refreshInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_automaticRefreshInterval = TimeSpan.FromHours(1);

    private readonly string _address;
    private readonly bool _isDiscovery;
    private readonly ILogger _logger;
    private readonly HttpClient _http;
    private readonly ConfigurationManager<IssuerDocument> _manager;
    private readonly Lock _sync = new();
    private Task<IssuerDocument?> _reading = Task.FromResult<IssuerDocument?>(null);
    private string? _logged;

    /// <param name="address">Of the metadata or of the key set.</param>
    /// <param name="isDiscovery">Which of them it is.</param>
    /// <param name="requireHttps">For this address and the one in the metadata.</param>
    /// <param name="logger">Of <see cref="SigningKeys"/>.</param>
    public IssuerKeys(string address, bool isDiscovery, bool requireHttps, ILogger logger)
    {
        (_address, _isDiscovery, _logger) = (address, isDiscovery, logger);
        _http = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
        {
            Timeout = s_answerTimeout,
            MaxResponseContentBufferSize = MaxSize,
        };
        _manager = new(address, this, new HttpDocumentRetriever(_http) { RequireHttps = requireHttps })
        {
            RefreshInterval = s_refreshInterval,
            AutomaticRefreshInterval = s_automaticRefreshInterval,
        };
    }

    /// <summary>The last good ones; null when none could be read yet. Who comes while they are read for the first time shares that read.</summary>
    public Task<IssuerDocument?> GetAsync()
    {
        lock (_sync)
        {
            if (_reading.IsCompleted)
                _reading = ReadAsync();
            return _reading;
        }
    }

    /// <summary>Reads them again in the background, unless that was done a moment ago.</summary>
    public void RequestRefresh() => _manager.RequestRefresh();

    public void Dispose() => _http.Dispose();

    async Task<IssuerDocument> IConfigurationRetriever<IssuerDocument>.GetConfigurationAsync(
        string address, IDocumentRetriever retriever, CancellationToken cancel)
    {
        try
        {
            string? issuer = null;
            if (_isDiscovery)
            {
                var metadata = OpenIdConnectConfiguration.Create(await retriever.GetDocumentAsync(address, cancel));
                address = string.IsNullOrEmpty(metadata.JwksUri) ? throw new InvalidKeyException("the metadata have no jwks_uri") : metadata.JwksUri;
                issuer = string.IsNullOrEmpty(metadata.Issuer) ? throw new InvalidKeyException("the metadata have no issuer") : metadata.Issuer;
            }
            var (keys, notes) = JwksReader.Read(Encoding.UTF8.GetBytes(await retriever.GetDocumentAsync(address, cancel)));
            Log(string.Join(", ", keys), text =>
            {
                SecurityLog.KeysOfIssuer(_logger, _address, text);
                foreach (var note in notes)
                    SecurityLog.KeyNote(_logger, address, note);
            });
            return new IssuerDocument(issuer, keys);
        }
        catch (Exception e)
        {
            Log(Explain(e), problem => SecurityLog.IssuerAway(_logger, _address, problem));
            throw;
        }
    }

    private async Task<IssuerDocument?> ReadAsync()
    {
        try
        {
            return await _manager.GetConfigurationAsync(CancellationToken.None);
        }
        catch (Exception)
        {
            return null; // it has been logged
        }
    }

    private void Log(string text, Action<string> write)
    {
        if (Interlocked.Exchange(ref _logged, text) != text)
            write(text);
    }

    // The library wraps what happened in texts of its own.
    private static string Explain(Exception exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (e is InvalidKeyException)
                return e.Message;
            if (e is OperationCanceledException)
                return $"no answer within {s_answerTimeout.TotalSeconds} s";
            if (e is HttpRequestException)
                return e.GetBaseException().Message.TrimEnd('.');
            if (e.Data[HttpDocumentRetriever.StatusCode] is { } status)
                return $"its answer has the status {(int)(System.Net.HttpStatusCode)status}";
        }
        return "an address is not absolute or not https, or its answer is not valid JSON";
    }
}
