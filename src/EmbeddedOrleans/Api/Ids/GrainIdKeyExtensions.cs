using System.Globalization;

namespace Orleans.Runtime;

/// <summary>Integer keys are hexadecimal text, Guid keys 32 digits; an extension follows after a "+".</summary>
public static class GrainIdKeyExtensions
{
    public static IdSpan CreateIntegerKey(long key) => IdSpan.Create(key.ToString("X", CultureInfo.InvariantCulture));

    public static IdSpan CreateIntegerKey(long key, string? keyExtension) => string.IsNullOrWhiteSpace(keyExtension)
        ? CreateIntegerKey(key)
        : IdSpan.Create($"{key.ToString("X", CultureInfo.InvariantCulture)}+{keyExtension}");

    public static IdSpan CreateGuidKey(Guid key) => IdSpan.Create(key.ToString("N"));

    public static IdSpan CreateGuidKey(Guid key, string? keyExtension) => string.IsNullOrWhiteSpace(keyExtension)
        ? CreateGuidKey(key)
        : IdSpan.Create($"{key:N}+{keyExtension}");

    public static bool TryGetIntegerKey(this GrainId grainId, out long key, out string? keyExt)
    {
        Split(grainId, out var text, out keyExt);
        return long.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out key);
    }

    public static bool TryGetGuidKey(this GrainId grainId, out Guid key, out string? keyExt)
    {
        Split(grainId, out var text, out keyExt);
        return Guid.TryParseExact(text, "N", out key);
    }

    /// <exception cref="ArgumentException">The key is not an integer.</exception>
    public static long GetIntegerKey(this GrainId grainId, out string? keyExt) =>
        TryGetIntegerKey(grainId, out var key, out keyExt)
            ? key
            : throw new ArgumentException($"The key of {grainId} is not an integer.", nameof(grainId));

    /// <exception cref="ArgumentException">The key is not an integer.</exception>
    public static long GetIntegerKey(this GrainId grainId) => GetIntegerKey(grainId, out _);

    /// <exception cref="ArgumentException">The key is not a Guid.</exception>
    public static Guid GetGuidKey(this GrainId grainId, out string? keyExt) =>
        TryGetGuidKey(grainId, out var key, out keyExt)
            ? key
            : throw new ArgumentException($"The key of {grainId} is not a Guid.", nameof(grainId));

    /// <exception cref="ArgumentException">The key is not a Guid.</exception>
    public static Guid GetGuidKey(this GrainId grainId) => GetGuidKey(grainId, out _);

    private static void Split(GrainId grainId, out ReadOnlySpan<char> key, out string? extension)
    {
        var text = grainId.Key.Text;
        var plus = text.IndexOf('+');
        key = plus < 0 ? text : text.AsSpan(0, plus);
        extension = plus < 0 ? null : text[(plus + 1)..];
    }
}
