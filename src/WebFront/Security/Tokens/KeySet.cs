namespace Realtime.WebFront.Security.Tokens;

/// <summary>The keys in use at a moment. Immutable: a change makes a new set.</summary>
internal sealed class KeySet(IReadOnlyList<SignatureKey> keys)
{
    public IReadOnlyList<SignatureKey> Keys { get; } = keys;

    /// <summary>
    /// The keys a token with this <c>kid</c> may be signed by: those of that id, else those without any id; without a
    /// <c>kid</c> all of them (RFC 7515 section 4.1.4 leaves the choice to us).
    /// </summary>
    public IReadOnlyList<SignatureKey> Find(string? keyId)
    {
        if (keyId is null)
            return Keys;

        var named = Keys.Where(k => k.KeyId == keyId).ToArray();
        return named.Length > 0 ? named : [.. Keys.Where(k => k.KeyId is null)];
    }
}
