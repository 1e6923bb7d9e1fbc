using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Realtime.Silo.Webhooks;

/// <summary>
/// The signature of a request: HMAC-SHA256 of <c>timestamp.body</c>, so that neither can be changed and an old request cannot be passed off as a new one.
/// </summary>
internal static class WebhookSignature
{
    public const string Header = "Realtime-Signature";

    /// <summary>The value of the header.</summary>
    /// <param name="secrets">The receiver's; each signs, as it may know any of them.</param>
    /// <param name="seconds">Unix time of the attempt.</param>
    /// <param name="body">What is sent.</param>
    public static string Sign(byte[][] secrets, long seconds, ReadOnlySpan<byte> body)
    {
        var time = seconds.ToString(CultureInfo.InvariantCulture);
        var header = new StringBuilder($"t={time}");
        foreach (var secret in secrets)
        {
            using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);
            hash.AppendData(Encoding.ASCII.GetBytes(time));
            hash.AppendData("."u8);
            hash.AppendData(body);
            header.Append(CultureInfo.InvariantCulture, $",v1={Convert.ToHexStringLower(hash.GetHashAndReset())}");
        }
        return header.ToString();
    }
}
