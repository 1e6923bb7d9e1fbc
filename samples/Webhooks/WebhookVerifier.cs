using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Realtime.Webhooks;

/// <summary>Tells requests of the realtime server from others. Copy it.</summary>
/// <param name="secrets">The one that the server signs with; while it is changed, the old one and the new one.</param>
/// <param name="time">The clock.</param>
internal sealed class WebhookVerifier(IEnumerable<string> secrets, TimeProvider time)
{
    /// <summary>
    /// <c>t=1760000000,v1=5257a8..</c>: the time of the request in Unix seconds, and HMAC-SHA256 of time, a point and the body, in hex; a <c>v1</c>
    /// for each secret that the server has.
    /// </summary>
    public const string Header = "Realtime-Signature";

    /// <summary>How old a request may be: whoever has seen one cannot send it again later.</summary>
    private static readonly TimeSpan s_tolerance = TimeSpan.FromMinutes(5);

    private readonly byte[][] _secrets = [.. secrets.Where(secret => secret.Length > 0).Select(Encoding.UTF8.GetBytes)];

    public bool IsGenuine(string? header, ReadOnlySpan<byte> body)
    {
        string? sent = null;
        var signatures = new List<string>();
        foreach (var part in (header ?? "").Split(','))
        {
            if (part.StartsWith("t=", StringComparison.Ordinal))
                sent = part[2..];
            else if (part.StartsWith("v1=", StringComparison.Ordinal))
                signatures.Add(part[3..]);
        }
        if (!long.TryParse(sent, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            || Math.Abs(time.GetUtcNow().ToUnixTimeSeconds() - (double)seconds) > s_tolerance.TotalSeconds)
            return false;
        foreach (var secret in _secrets)
        {
            using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);
            hash.AppendData(Encoding.ASCII.GetBytes(sent + "."));
            hash.AppendData(body);
            var expected = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(hash.GetHashAndReset()));
            // In a time that does not tell how much of it is right.
            if (signatures.Exists(signature => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(signature), expected)))
                return true;
        }
        return false;
    }
}
