namespace Realtime.Grains;

/// <summary>
/// Which rooms a setting is for: a name, or with a <c>*</c> at its end all names that begin so. <c>*</c> alone is every name. A
/// room whose own name ends in <c>*</c> is in the pattern of that text, with all that begin like it.
/// </summary>
public sealed class NamePattern
{
    private readonly string _text;
    private readonly bool _isPrefix;

    /// <exception cref="ArgumentException">The pattern is not allowed; see <see cref="Problem"/>.</exception>
    public NamePattern(string pattern)
    {
        if (Problem(pattern) is { } problem)
            throw new ArgumentException(problem, nameof(pattern));
        _isPrefix = pattern.EndsWith('*');
        _text = _isPrefix ? pattern[..^1] : pattern;
    }

    /// <summary>Says what is wrong with a pattern; null when nothing is.</summary>
    public static string? Problem(string? pattern)
    {
        if (string.IsNullOrEmpty(pattern))
            return "The pattern is empty; it must be a room name, or the beginning of one and '*'.";
        var star = pattern.IndexOf('*');
        if (star >= 0 && star < pattern.Length - 1)
            return $"The pattern '{pattern}' has '*' before its end; it may only be the last character.";
        return star < 0 ? Names.Problem(pattern, "room") : star == 0 ? null : Names.PrefixProblem(pattern[..star], "room");
    }

    /// <summary>Whether the setting is for this name. Case counts, as in names.</summary>
    public bool Matches(string name) =>
        _isPrefix ? name.StartsWith(_text, StringComparison.Ordinal) : string.Equals(name, _text, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => _isPrefix ? _text + "*" : _text;
}
