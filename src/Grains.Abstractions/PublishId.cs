using System.Text;

namespace Realtime.Grains;

/// <summary>Which ids of requests and publishes are allowed.</summary>
internal static class PublishId
{
    /// <summary>Says what is wrong with an id; null when nothing is, or there is none.</summary>
    public static string? Problem(string? id) =>
        id is null || (id.Length is > 0 and <= Limits.IdBytes && Encoding.UTF8.GetByteCount(id) <= Limits.IdBytes && UnicodeText.IndexOfUnpaired(id) < 0)
            ? null
            : $"An id must have 1 to {Limits.IdBytes} bytes of UTF-8.";
}
