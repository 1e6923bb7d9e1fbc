using System.Text;

namespace Realtime.Grains;

/// <summary>JSON that goes into frames as <c>data</c>: one rule for messages and for calls, whichever way they come.</summary>
internal static class JsonData
{
    /// <summary>The text as it came, without white space around it.</summary>
    /// <param name="data">JSON text.</param>
    /// <param name="bound"><c>Rooms:MaxContentBytes</c>.</param>
    /// <exception cref="RequestException">It is not one JSON value, too deep, too long or not Unicode.</exception>
    public static byte[] Encode(string data, int bound)
    {
        if (data.Length > bound) // a UTF-16 unit is at least one byte
            throw TooLong(bound);
        if (UnicodeText.IndexOfUnpaired(data) is var at and >= 0)
            throw BadRequest($"The data has an unpaired surrogate at index {at}; it must be valid Unicode.");
        ReadOnlySpan<byte> utf8 = Encoding.UTF8.GetBytes(data);
        if (JsonFault.Find(utf8, Limits.DataDepth) is { } fault)
            throw BadRequest($"The data must be one JSON value, nested at most {Limits.DataDepth} deep; there is {fault}.");
        utf8 = utf8.Trim(" \n\r\t"u8);
        return utf8.Length <= bound ? utf8.ToArray() : throw TooLong(bound);
    }

    private static RequestException BadRequest(string problem) => new(RequestException.BadRequest, problem);

    private static RequestException TooLong(int bound) =>
        new(RequestException.ContentTooLong, $"'data' is too long; it may have {bound} bytes (Rooms:MaxContentBytes), in JSON as it is sent.");
}
