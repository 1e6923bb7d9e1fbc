using Microsoft.Extensions.Primitives;

namespace Realtime.Connections;

/// <summary>The negotiation of permessage-deflate (RFC 7692 section 7.1).</summary>
internal static class PerMessageDeflate
{
    private const string Name = "permessage-deflate";

    /// <summary>No context is kept on either side: a message compressed once fits every peer, and an idle one holds no window.</summary>
    public const string Response = $"{Name}; server_no_context_takeover; client_no_context_takeover";

    /// <summary>Whether the client offers it with parameters that can be met.</summary>
    public static bool IsOffered(StringValues values)
    {
        foreach (var value in values)
            foreach (var offer in (value ?? "").Split(','))
                if (CanMeet(offer))
                    return true;
        return false;
    }

    private static bool CanMeet(string offer)
    {
        var parts = offer.Split(';', StringSplitOptions.TrimEntries);
        if (!parts[0].Equals(Name, StringComparison.OrdinalIgnoreCase))
            return false;
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var part in parts.AsSpan(1))
        {
            int equals = part.IndexOf('=');
            string parameter = (equals < 0 ? part : part[..equals]).Trim();
            string? argument = equals < 0 ? null : part[(equals + 1)..].Trim().Trim('"');
            bool fits = parameter.ToLowerInvariant() switch
            {
                "server_no_context_takeover" or "client_no_context_takeover" => argument is null,
                "client_max_window_bits" => argument is null || IsWindow(argument), // need not be answered
                "server_max_window_bits" => argument == "15", // .NET's deflate has no smaller window
                _ => false,
            };
            if (!fits || !seen.Add(parameter))
                return false;
        }
        return true;
    }

    private static bool IsWindow(string argument) => argument is "8" or "9" or "10" or "11" or "12" or "13" or "14" or "15";
}
