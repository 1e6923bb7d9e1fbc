using System.Buffers.Text;
using System.Text.Json;

namespace Realtime.Client.Connecting;

/// <summary>When a JWT was issued and when it ends, in Unix seconds, as far as it says so. It is not verified here: that is the server's.</summary>
internal readonly record struct TokenDates(double? Issued, double? Expires)
{
    /// <summary>The part of a token's life after which a new one is asked for.</summary>
    private const double RenewAt = 0.8;

    /// <summary>Less up to so much, so that those who came together do not renew together.</summary>
    private const double RenewJitter = 0.05;

    public static TokenDates Of(string token)
    {
        try
        {
            var parts = token.Split('.');
            if (parts.Length < 2)
                return default;
            var reader = new Utf8JsonReader(Base64Url.DecodeFromChars(parts[1]));
            var (issued, expires) = ((double?)null, (double?)null);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                return default;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var (isIssued, isExpires) = (reader.ValueTextEquals("iat"u8), reader.ValueTextEquals("exp"u8));
                reader.Read();
                if (isIssued && reader.TokenType == JsonTokenType.Number)
                    issued = reader.GetDouble();
                else if (isExpires && reader.TokenType == JsonTokenType.Number)
                    expires = reader.GetDouble();
                else
                    reader.Skip();
            }
            return new(issued, expires);
        }
        catch (Exception exception) when (exception is FormatException or JsonException or InvalidOperationException)
        {
            return default;
        }
    }

    /// <summary>How long it may still be used, by this machine's clock.</summary>
    public TimeSpan Remaining(DateTimeOffset now) => Bounded((Expires ?? 0) - Seconds(now));

    /// <summary>How long until one that was accepted now is to be renewed; null when it does not say when it ends.</summary>
    public TimeSpan? Renewal(DateTimeOffset now)
    {
        if (Expires is not { } expires)
            return null;
        var remaining = expires - Seconds(now);
        var life = expires - (Issued ?? Seconds(now));
        // The server took it, so where its end is past, or its life longer than all of it, this machine's clock is wrong.
        var left = remaining > 0 && remaining < life ? remaining : life;
        return Bounded(left - (1 - RenewAt + Random.Shared.NextDouble() * RenewJitter) * life);
    }

    private static double Seconds(DateTimeOffset now) => now.ToUnixTimeMilliseconds() / 1000.0;

    /// <summary>From a second to the longest wait of a timer.</summary>
    private static TimeSpan Bounded(double seconds) => TimeSpan.FromMilliseconds(Math.Clamp(seconds * 1000, 1_000, int.MaxValue));
}
