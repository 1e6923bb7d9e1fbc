using Microsoft.Extensions.Options;
using Realtime.WebFront.Security.Tokens;

namespace Realtime.WebFront.Security;

/// <summary>The keys in use: those of the configuration and those of the JWKS file, which is watched for changes.</summary>
internal sealed class SigningKeys : IDisposable
{
    /// <summary>
    /// How often the file is compared: it is a few kilobytes, and an issuer publishes a new key long before it signs with it.
    /// </summary>
    public static readonly TimeSpan RefreshInterval = TimeSpan.FromSeconds(5);

    private readonly ILogger<SigningKeys> _logger;
    private readonly IReadOnlyList<SignatureKey> _configured;
    private readonly JwksFile? _file;
    private readonly ITimer? _timer;
    private readonly Lock _refreshing = new();
    private string? _loggedProblem;
    private volatile KeySet _current;

    /// <exception cref="OptionsValidationException">A setting is wrong, or the file cannot be used.</exception>
    public SigningKeys(IOptions<BearerOptions> options, IHostEnvironment environment, TimeProvider time, ILogger<SigningKeys> logger)
    {
        _logger = logger;
        _configured = ConfiguredKeys.Read(options.Value.Keys).Keys;
        _current = new KeySet(_configured);
        if (!string.IsNullOrWhiteSpace(options.Value.JwksFile))
        {
            _file = new JwksFile(Path.GetFullPath(options.Value.JwksFile, environment.ContentRootPath));
            ReadFirst(_file);
            _timer = time.CreateTimer(_ => Refresh(), null, RefreshInterval, RefreshInterval);
        }
        SecurityLog.KeysInUse(_logger, _current.Keys);
    }

    public KeySet Current => _current;

    public void Dispose() => _timer?.Dispose();

    private void ReadFirst(JwksFile file)
    {
        try
        {
            Use(file.ReadIfChanged()!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidKeyException)
        {
            throw new OptionsValidationException(Options.DefaultName, typeof(BearerOptions),
                [$"{BearerOptions.Section}:JwksFile is '{file.Path}', which cannot be used: {e.Message}"]);
        }
    }

    private void Refresh()
    {
        // A slow disk must not pile up readers.
        if (!_refreshing.TryEnter())
            return;
        try
        {
            if (_file!.ReadIfChanged() is { } content)
            {
                Use(content);
                SecurityLog.KeysInUse(_logger, _current.Keys);
            }
            _loggedProblem = null;
        }
        // Whatever it is: an exception that leaves a timer ends the process.
        catch (Exception e)
        {
            if (_loggedProblem != e.Message)
                SecurityLog.KeysKept(_logger, _file!.Path, e.Message, _current.Keys);
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
        _current = new KeySet([.. _configured, .. keys]);
    }
}
