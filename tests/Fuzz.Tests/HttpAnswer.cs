using System.Globalization;

namespace Realtime.Fuzz.Tests;

/// <summary>An answer as it came.</summary>
internal sealed record HttpAnswer(int Status, ILookup<string, string> Headers)
{
    public byte[] Body { get; init; } = [];

    public int? Length => Headers["Content-Length"].FirstOrDefault() is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;

    public bool IsChunked => Headers["Transfer-Encoding"].Contains("chunked");

    public bool IsLast => Headers["Connection"].Any(value => value.Split(", ").Contains("close"));

    public static HttpAnswer Parse(string head)
    {
        var lines = head.Split("\r\n");
        if (!lines[0].StartsWith("HTTP/1.1 ", StringComparison.Ordinal) || !int.TryParse(lines[0].AsSpan(9, 3), out var status))
            throw new FuzzFailure($"the answer begins with {lines[0]}");
        return new HttpAnswer(status, lines.Skip(1).Select(line => line.Split(": ", 2))
            .ToLookup(pair => pair[0], pair => pair.ElementAtOrDefault(1) ?? "", StringComparer.OrdinalIgnoreCase));
    }
}
