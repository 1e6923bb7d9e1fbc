namespace Realtime.WebFront.Security;

/// <summary>The log messages of security: without tokens and secrets. Event ids 3000 to 3099.</summary>
internal static partial class SecurityLog
{
    public static void KeysInUse(ILogger logger, IReadOnlyList<SigningKey> keys)
    {
        if (keys.Count > 0)
            KeysInUse(logger, string.Join(", ", keys));
        else
            NoKeys(logger);
    }

    public static void KeysKept(ILogger logger, string path, string problem, IReadOnlyList<SigningKey> keys) =>
        KeysKept(logger, path, problem, string.Join(", ", keys));

    [LoggerMessage(3000, LogLevel.Information, "Tokens are verified with: {Keys}")]
    private static partial void KeysInUse(ILogger logger, string keys);

    [LoggerMessage(3001, LogLevel.Information, "No keys are configured: every token is refused, and clients of this machine name themselves with ?user=")]
    private static partial void NoKeys(ILogger logger);

    [LoggerMessage(3006, LogLevel.Warning, "All keys were taken away: every token is refused")]
    public static partial void KeysGone(ILogger logger);

    [LoggerMessage(3002, LogLevel.Warning, "The changed key file {Path} cannot be used: {Problem}. The keys before stay in use: {Keys}")]
    private static partial void KeysKept(ILogger logger, string path, string problem, string keys);

    [LoggerMessage(3003, LogLevel.Warning, "Key file {Path}: {Note}")]
    public static partial void KeyNote(ILogger logger, string path, string note);

    [LoggerMessage(3004, LogLevel.Information, "Tokens are verified with the keys of {Address}: {Keys}")]
    public static partial void KeysOfIssuer(ILogger logger, string address, string keys);

    [LoggerMessage(3005, LogLevel.Warning, "The keys of the tokens' issuer, {Address}, could not be read: {Problem}. It is tried again; keys read before stay in use")]
    public static partial void IssuerAway(ILogger logger, string address, string problem);
}
