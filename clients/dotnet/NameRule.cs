using System.Globalization;
using System.Text;

namespace Realtime.Client;

/// <summary>Which names of rooms, users and methods a server takes: docs/protocol.md.</summary>
internal static class NameRule
{
    private const int MaxBytes = 128;

    private const string Rule = "1 to 128 bytes of UTF-8, without white space at its ends and without control and invisible characters, and not '.' or '..'";

    /// <summary>Throws when the name is not allowed.</summary>
    /// <exception cref="ArgumentException">It is not; the message says why.</exception>
    public static void Check(string? name, string what)
    {
        ArgumentNullException.ThrowIfNull(name, what);
        if (Problem(name, what) is { } problem)
            throw new ArgumentException(problem);
    }

    /// <summary>Throws when it is no id of a message.</summary>
    /// <exception cref="ArgumentException">It is not; the message says why.</exception>
    public static void CheckId(string id, string what)
    {
        CheckText(id, what);
        if (id.Length == 0 || id.Length > MaxBytes || Encoding.UTF8.GetByteCount(id) > MaxBytes)
            throw new ArgumentException($"{what} must have 1 to {MaxBytes} bytes of UTF-8.");
    }

    /// <summary>Throws when the text has half a surrogate pair, which has no UTF-8.</summary>
    public static void CheckText(string text, string what)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (!char.IsHighSurrogate(text[i]) || i + 1 == text.Length || !char.IsLowSurrogate(text[i + 1]))
                throw new ArgumentException($"{what} has half a surrogate pair at index {i}; it must be valid Unicode.");
            i++;
        }
    }

    /// <summary>Says what is wrong with a name, and what is allowed; null when nothing is wrong.</summary>
    public static string? Problem(string name, string what) => Fault(name) is { } fault ? $"The {what} name {fault}; it must be {Rule}." : null;

    private static string? Fault(string name)
    {
        if (name.Length == 0)
            return "is empty";
        if (name.Length > MaxBytes || Encoding.UTF8.GetByteCount(name) > MaxBytes)
            return "is too long";
        if (name is "." or "..")
            return $"is '{name}'";
        for (var i = 0; i < name.Length; i++)
        {
            int character = name[i];
            if (char.IsSurrogate(name[i]))
            {
                if (!char.IsHighSurrogate(name[i]) || i + 1 == name.Length || !char.IsLowSurrogate(name[i + 1]))
                    return $"has an unpaired surrogate at index {i}";
                character = char.ConvertToUtf32(name[i], name[++i]);
            }
            if (IsBad(character))
                return $"has the character U+{character:X4}";
        }
        return char.IsWhiteSpace(name[0]) || char.IsWhiteSpace(name[^1]) ? "begins or ends with white space" : null;
    }

    private static bool IsBad(int character)
    {
        if (character is > ' ' and < 0x7F)
            return false;
        return CharUnicodeInfo.GetUnicodeCategory(character)
                is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            || character is 0xFFFD or (>= 0xFDD0 and <= 0xFDEF) || (character & 0xFFFE) == 0xFFFE
            // Default ignorable, without the format characters, and the empty Braille pattern. .NET does not know the property.
            || character is 0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or (>= 0x180B and <= 0x180F) or 0x2065 or 0x2800 or 0x3164
                or (>= 0xFE00 and <= 0xFE0F) or 0xFFA0 or (>= 0xFFF0 and <= 0xFFF8) or (>= 0xE0000 and <= 0xE0FFF);
    }
}
