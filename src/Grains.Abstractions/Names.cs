using System.Globalization;
using System.Text;

namespace Realtime.Grains;

/// <summary>Bounds that are part of the public API.</summary>
public static class Limits
{
    /// <summary>The longest room name and user id, in bytes of UTF-8.</summary>
    public const int NameBytes = 128;

    /// <summary>The longest publish id, in bytes of UTF-8.</summary>
    public const int IdBytes = 128;

    /// <summary>The longest <c>jti</c> of a token that can be revoked by it, in bytes of UTF-8.</summary>
    public const int TokenIdBytes = 256;

    /// <summary>The longest reason of a <see cref="IUserGrain.Disconnect"/>, in bytes of UTF-8: what a close frame has place for (RFC 6455 section 5.5).</summary>
    public const int ReasonBytes = 123;

    /// <summary>
    /// How many arrays and objects of a message's <c>data</c> may stand in each other: far below what readers of JSON take
    /// (64 in .NET), so that whatever the data is wrapped in can be read, too.
    /// </summary>
    public const int DataDepth = 32;

    /// <summary>The most entries on a page.</summary>
    public const int PageSize = 1000;

    /// <summary>The most users on the page of members that comes with a join.</summary>
    public const int JoinPage = 100;

    /// <summary>
    /// The most bytes of data on a page of members, unless its only user has more: with the default of <c>Rooms:MaxPresenceBytes</c> a page of
    /// <see cref="JoinPage"/> users is never cut.
    /// </summary>
    public const int PresenceBytes = 128 * 1024;

    /// <summary>The most messages that a service sends to a room in one call.</summary>
    public const int BatchMessages = 100;

    /// <summary>The most messages on a page of history.</summary>
    public const int HistoryPage = 100;

    /// <summary>
    /// The most bytes of bodies on a page of history, unless its only message has more: a frame that clients, and the queue of
    /// one that reads slowly, take well.
    /// </summary>
    public const int HistoryBytes = 256 * 1024;

    /// <summary>The most bytes of entries on a page of a room's state, unless its only one has more.</summary>
    public const int StateBytes = 64 * 1024;

    /// <summary>The shortest time after which a key of a room's state may be gone, in milliseconds.</summary>
    public const long LeastStateTtl = 100;

    /// <summary>The longest such time, in milliseconds: 365 days.</summary>
    public const long MostStateTtl = 365L * 24 * 60 * 60 * 1000;

    /// <summary>The most characters of an error of a call that the other side is told.</summary>
    public const int CallErrorChars = 1024;

    /// <summary>The longest time that a call to clients may be given: 2 minutes.</summary>
    public static readonly TimeSpan CallTime = TimeSpan.FromMinutes(2);

    /// <summary>What a call to clients is given when nothing is said: 10 seconds.</summary>
    public static readonly TimeSpan DefaultCallTime = TimeSpan.FromSeconds(10);
}

/// <summary>
/// Which room names and user ids are allowed. One rule for all ways in: frames, HTTP, grains, tokens and settings.
/// </summary>
/// <remarks>
/// <para>A name has 1 to <see cref="Limits.NameBytes"/> bytes of UTF-8 and is compared byte by byte: nothing is trimmed, folded
/// or normalised, so that <c>Lobby</c> and <c>lobby</c> are two rooms, and so are a composed and a decomposed <c>é</c>.</para>
/// <para>Refused is what breaks logs, terminals, databases and URLs, or lets two names look alike: <c>.</c> and <c>..</c>, which
/// a URL drops; white space at either end; line and paragraph separators; control characters; characters that cannot be seen
/// (Unicode's format characters, such as bidirectional overrides and the zero-width joiner of composed emoji, and the other
/// default ignorable ones, such as variation selectors); what is not Unicode text (unpaired surrogates, noncharacters); and
/// U+FFFD, which stands for something that was lost. White space inside a name is allowed, and so are characters that this
/// version of Unicode has not assigned: a newer one may have.</para>
/// </remarks>
public static class Names
{
    /// <summary>The rule in words, for messages.</summary>
    public const string Rule =
        "1 to 128 bytes of UTF-8, without white space at its ends and without control and invisible characters, and not '.' or '..'";

    /// <summary>Says what is wrong with a name, and what is allowed; null when nothing is wrong.</summary>
    /// <param name="name">The name.</param>
    /// <param name="what">What it names, for the message: "room", "user".</param>
    public static string? Problem(string? name, string what) =>
        Fault(name, isPrefix: false) is { } fault ? $"The {what} name {fault}; it must be {Rule}." : null;

    /// <summary>The same for the beginning of names, which may end in white space or be dots.</summary>
    internal static string? PrefixProblem(string prefix, string what) =>
        Fault(prefix, isPrefix: true) is { } fault ? $"The {what} name {fault}; it must begin a name of {Rule}." : null;

    /// <summary>Throws when the name is not allowed.</summary>
    /// <exception cref="RequestException"><see cref="RequestException.NameInvalid"/>.</exception>
    public static void Check(string? name, string what)
    {
        if (Problem(name, what) is { } problem)
            throw new RequestException(RequestException.NameInvalid, problem);
    }

    /// <summary>Throws when a page cannot begin after this name; none, or an empty one, is the first page.</summary>
    /// <exception cref="RequestException"><see cref="RequestException.NameInvalid"/>.</exception>
    public static void CheckCursor(string? after)
    {
        if (!string.IsNullOrEmpty(after))
            Check(after, "'after'");
    }

    private static string? Fault(string? name, bool isPrefix)
    {
        if (string.IsNullOrEmpty(name))
            return "is empty";
        // A UTF-16 unit is at least one byte, so a long string needs no counting.
        if (name.Length > Limits.NameBytes || Encoding.UTF8.GetByteCount(name) > Limits.NameBytes)
            return "is too long";
        if (!isPrefix && name is "." or "..")
            return $"is '{name}'";
        for (var i = 0; i < name.Length; i++)
        {
            var at = i;
            int character = name[i];
            if (char.IsSurrogate(name[i]))
            {
                if (!char.IsHighSurrogate(name[i]) || i + 1 == name.Length || !char.IsLowSurrogate(name[i + 1]))
                    return $"has an unpaired surrogate at index {i}";
                character = char.ConvertToUtf32(name[i], name[++i]);
            }
            if (FaultOf(character) is { } fault)
                return $"has the {fault} U+{character:X4} at index {at}";
        }
        if (char.IsWhiteSpace(name[0]) || (!isPrefix && char.IsWhiteSpace(name[^1])))
            return string.IsNullOrWhiteSpace(name) ? "is blank" : "begins or ends with white space";
        return null;
    }

    private static string? FaultOf(int character)
    {
        if (character is > ' ' and < 0x7F)
            return null;
        return CharUnicodeInfo.GetUnicodeCategory(character) switch
        {
            UnicodeCategory.Control => "control character",
            UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator => "line break",
            UnicodeCategory.Format => "format character",
            _ when character is 0xFFFD => "replacement character",
            _ when character is >= 0xFDD0 and <= 0xFDEF || (character & 0xFFFE) == 0xFFFE => "noncharacter",
            _ when IsInvisible(character) => "invisible character",
            _ => null,
        };
    }

    /// <summary>
    /// Default_Ignorable_Code_Point of Unicode 16 (DerivedCoreProperties.txt) without its format characters, and the empty
    /// Braille pattern. .NET does not know the property.
    /// </summary>
    private static bool IsInvisible(int character) => character is 0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5
        or (>= 0x180B and <= 0x180F) or 0x2065 or 0x2800 or 0x3164 or (>= 0xFE00 and <= 0xFE0F) or 0xFFA0
        or (>= 0xFFF0 and <= 0xFFF8) or (>= 0xE0000 and <= 0xE0FFF);
}
