using System.Security.Claims;
using Realtime.Grains;

namespace Realtime.WebFront.Access;

/// <summary>
/// Names that a rule or a capability is for. <c>*</c> is any run of characters, also none, anywhere. In rules <c>{user}</c> is the id of
/// the user who asks, and <c>{name}</c> any value of the claim of that name: a value stands for itself, whatever characters it has, and a
/// claim that is absent or empty fits nothing. Case counts, as in names.
/// </summary>
/// <remarks>
/// All ways to match are followed at once, one part after the other, so the time is bounded by the length of the name times that of the
/// pattern and the values, whatever these are.
/// </remarks>
internal sealed class AccessPattern
{
    /// <summary>The placeholder of the user's id.</summary>
    public const string User = "user";

    private const int MaxLength = 1024;

    private readonly string _text;
    private readonly Part[] _parts;

    private AccessPattern(string text, Part[] parts) => (_text, _parts) = (text, parts);

    private enum PartKind : byte { Text, Any, User, Claim }

    /// <summary>A pattern of rules.</summary>
    /// <param name="text">As it is in the settings.</param>
    /// <param name="what">What it names, for the problem: "room", "user".</param>
    /// <param name="problem">What is wrong with it; null when nothing is.</param>
    public static AccessPattern? Parse(string text, string what, out string? problem)
    {
        var parts = new List<Part>();
        problem = text.Length == 0 ? $"It must be a {what} name, with '*' for any characters and '{{claim}}' for the value of a claim."
            : text.Length > MaxLength ? $"It has {text.Length} characters; it may have {MaxLength}."
            : Split(text, parts);
        if (problem is null && parts is [{ Kind: PartKind.Text }])
            problem = Names.Problem(text, what);
        return problem is null ? new AccessPattern(text, [.. parts]) : null;
    }

    /// <summary>A pattern of capabilities, where <c>*</c> alone is special.</summary>
    public static AccessPattern OfCapability(string text)
    {
        var parts = new List<Part>();
        AddTextAndStars(text, parts);
        return new AccessPattern(text, [.. parts]);
    }

    public override string ToString() => _text;

    /// <summary>Whether a name fits for who asks.</summary>
    public bool Matches(string name, AccessSubject subject)
    {
        if (name.Length > Limits.NameBytes)
            return false;
        Span<bool> ends = stackalloc bool[2 * (Limits.NameBytes + 1)];
        var from = ends[..(name.Length + 1)];
        var to = ends.Slice(Limits.NameBytes + 1, name.Length + 1);
        from.Clear();
        from[0] = true; // where the parts so far may end
        foreach (var part in _parts)
        {
            to.Clear();
            if (!Advance(part, name, subject, from, to))
                return false;
            var used = from;
            from = to;
            to = used;
        }
        return from[name.Length];
    }

    /// <summary>Marks where a part may end that begins at one of the places; false when it cannot stand at any.</summary>
    private static bool Advance(in Part part, string name, AccessSubject subject, ReadOnlySpan<bool> from, Span<bool> to)
    {
        switch (part.Kind)
        {
            case PartKind.Any:
                to[from.IndexOf(true)..].Fill(true);
                return true;
            case PartKind.Text:
                return Add(part.Text, name, from, to);
            case PartKind.User:
                return Add(subject.User, name, from, to);
        }
        var fits = false;
        foreach (var identity in subject.Principal.Identities)
        {
            foreach (var claim in identity.Claims)
            {
                if (claim.Type == part.Text)
                    fits |= Add(claim.Value, name, from, to);
            }
        }
        return fits;
    }

    private static bool Add(string value, string name, ReadOnlySpan<bool> from, Span<bool> to)
    {
        if (value.Length == 0)
            return false;
        var fits = false;
        for (var start = 0; start + value.Length <= name.Length; start++)
        {
            if (from[start] && string.CompareOrdinal(name, start, value, 0, value.Length) == 0)
                fits = to[start + value.Length] = true;
        }
        return fits;
    }

    private static string? Split(string text, List<Part> parts)
    {
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            var brace = rest.IndexOfAny('{', '}');
            AddTextAndStars(brace < 0 ? rest : rest[..brace], parts);
            if (brace < 0)
                return null;
            if (rest[brace] == '}')
                return "It has '}' without '{' before it.";
            rest = rest[(brace + 1)..];
            var end = rest.IndexOfAny('{', '}');
            if (end < 0 || rest[end] == '{')
                return "It has '{' without '}' behind it.";
            if (rest[..end].Trim().Length != end || end == 0)
                return "Between '{' and '}' there must be 'user' or the name of a claim.";
            var name = rest[..end].ToString();
            parts.Add(name == User ? new(PartKind.User, "") : new(PartKind.Claim, name));
            rest = rest[(end + 1)..];
        }
        return null;
    }

    private static void AddTextAndStars(ReadOnlySpan<char> text, List<Part> parts)
    {
        while (!text.IsEmpty)
        {
            var star = text.IndexOf('*');
            if (star != 0)
                parts.Add(new(PartKind.Text, (star < 0 ? text : text[..star]).ToString()));
            if (star < 0)
                return;
            if (parts is not [.., { Kind: PartKind.Any }]) // two are as one
                parts.Add(new(PartKind.Any, ""));
            text = text[(star + 1)..];
        }
    }

    private readonly record struct Part(PartKind Kind, string Text);
}
