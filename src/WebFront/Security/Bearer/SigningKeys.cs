using System.Collections.Frozen;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace Realtime.WebFront.Security;

/// <summary>Which keys a token may be signed by.</summary>
/// <param name="Keys">To be tried.</param>
/// <param name="Issuer">The issuer as its own metadata name it; null when the settings do.</param>
/// <param name="Refusal">Why there is none.</param>
internal readonly record struct KeyChoice(IReadOnlyList<SecurityKey> Keys, string? Issuer, RefusedException? Refusal);

/// <summary>
/// The keys in use: those of the configuration, of the JWKS file, which is watched for changes, and of the issuer. Its fields are more
/// than ten, as keys come from three places.
/// </summary>
internal sealed class SigningKeys : IDisposable
{
    /// <summary>
    /// How often the file is compared, and what the issuer has published meanwhile: it is a few kilobytes, and an issuer publishes a new key long before it signs with it.
    /// </summary>
    public static readonly TimeSpan RefreshInterval = TimeSpan.FromSeconds(5);

    private readonly ILogger<SigningKeys> _logger;
    private readonly IReadOnlyList<SigningKey> _configured;
    private readonly bool _takesIssuer;
    private readonly JwksFile? _file;
    private readonly ITimer? _timer;
    private readonly IssuerKeys? _issuer;
    private readonly Lock _refreshing = new();
    private string? _loggedProblem;
    private volatile IReadOnlyList<SigningKey> _current;
    private readonly Lock _accepting = new();
    private IssuerDocument? _published;
    private volatile FrozenSet<string> _accepted = FrozenSet<string>.Empty;

    /// <exception cref="OptionsValidationException">A setting is wrong.</exception>
    public SigningKeys(IOptions<BearerOptions> options, IHostEnvironment environment, TimeProvider time, ILogger<SigningKeys> logger)
    {
        var settings = options.Value;
        _logger = logger;
        _configured = [.. ConfiguredKeys.Read(settings).Keys];
        _takesIssuer = !settings.Issuers.Any();
        _current = _configured;
        if (settings.JwksFileIn(environment) is { } file)
        {
            _file = file;
            Use(file.ReadIfChanged()!);
        }
        if (settings.KeysAddress is { } address)
        {
            _issuer = new IssuerKeys(address, isDiscovery: string.IsNullOrWhiteSpace(settings.JwksUrl), settings.RequireHttpsMetadata, logger);
            _ = AskIssuer(); // in the background: a front starts also while the issuer is unreachable
        }
        Accept(null);
        if (_file is not null || _issuer is not null)
            _timer = time.CreateTimer(_ => Refresh(), null, RefreshInterval, RefreshInterval);
        if (_current.Count > 0 || _issuer is null)
            SecurityLog.KeysInUse(_logger, _current);
    }

    /// <summary>Keys that counted count no more. Its handlers throw nothing.</summary>
    public event Action? KeysGone;

    /// <summary>Whether a key with which a token was verified still counts.</summary>
    public bool IsAccepted(string thumbprint) => _accepted.Contains(thumbprint);

    /// <summary>
    /// Keys of the token's <c>kid</c>, else those without any id; without a <c>kid</c> all of them (RFC 7515 section 4.1.4 leaves the
    /// choice to us). Of these, those of its algorithm and its issuer.
    /// </summary>
    public async ValueTask<KeyChoice> ChooseAsync(StrictToken token)
    {
        var remote = await AskIssuer();
        IReadOnlyList<SigningKey> all = remote is null ? _current : [.. _current, .. remote.Keys];
        var found = Find(all, token.KeyId);
        if (found.Count == 0)
        {
            _issuer?.RequestRefresh();
            return new([], null,
                _issuer is not null && remote is null ? RefusedException.NoKeysYet()
                : RefusedException.Token(all.Count == 0 ? "This server has no keys to verify tokens with." : "The token's key id is unknown."));
        }

        found = [.. found.Where(key => key.Algorithm == token.Algorithm)];
        if (found.Count == 0)
            return new([], null, RefusedException.Token("The token's algorithm is not the one of its key."));

        var issuer = token.Claims.TryGetOptionalString("iss", out var named) ? named : null;
        found = [.. found.Where(key => key.Issuer is null || key.Issuer == issuer)];
        return found.Count == 0
            ? new([], null, RefusedException.Token("The token's key belongs to another issuer."))
            : new([.. found.Select(key => key.Key)], _takesIssuer ? remote?.Issuer : null, null);
    }

    public void Dispose()
    {
        _timer?.Dispose();
        _issuer?.Dispose();
    }

    private static IReadOnlyList<SigningKey> Find(IReadOnlyList<SigningKey> all, string? keyId)
    {
        if (keyId is null)
            return all;

        SigningKey[] named = [.. all.Where(key => key.Id == keyId)];
        return named.Length > 0 ? named : [.. all.Where(key => key.Id is null)];
    }

    private async Task<IssuerDocument?> AskIssuer()
    {
        if (_issuer is null)
            return null;
        var published = await _issuer.GetAsync();
        Accept(published);
        return published;
    }

    /// <summary>Notes what counts now, before a token is verified with it, and tells when something counts no more.</summary>
    /// <param name="published">What the issuer has; null when that is not known, or none is asked.</param>
    private void Accept(IssuerDocument? published)
    {
        lock (_accepting)
        {
            if (published is not null && ReferenceEquals(published, _published))
                return;
            _published = published ?? _published;
            var before = _accepted;
            _accepted = _current.Concat(_published?.Keys ?? []).Select(key => key.Thumbprint).ToFrozenSet();
            if (before.IsSubsetOf(_accepted))
                return;
        }
        KeysGone?.Invoke();
    }

    private void Refresh()
    {
        _ = AskIssuer(); // which never fails
        if (_file is null)
            return;
        // A slow disk must not pile up readers.
        if (!_refreshing.TryEnter())
            return;
        try
        {
            if (_file!.ReadIfChanged() is { } content)
            {
                Use(content);
                if (_current.Count > 0)
                    SecurityLog.KeysInUse(_logger, _current);
                else
                    SecurityLog.KeysGone(_logger);
                Accept(null);
            }
            _loggedProblem = null;
        }
        // Whatever it is: an exception that leaves a timer ends the process.
        catch (Exception e)
        {
            if (_loggedProblem != e.Message)
                SecurityLog.KeysKept(_logger, _file!.Path, e.Message, _current);
            _loggedProblem = e.Message;
        }
        finally
        {
            _refreshing.Exit();
        }
    }

    private void Use(byte[] content)
    {
        var (keys, notes) = JwksReader.Read(content);
        foreach (var note in notes)
            SecurityLog.KeyNote(_logger, _file!.Path, note);
        _current = [.. _configured, .. keys];
    }
}
