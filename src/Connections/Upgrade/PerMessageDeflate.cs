namespace Realtime.Connections.Upgrade;

/// <summary>The negotiation of permessage-deflate (RFC 7692 section 7.1).</summary>
internal static class PerMessageDeflate
{
    private const string Name = "permessage-deflate";
    private const string ServerWindow = "server_max_window_bits";

    /// <summary>No context is kept on either side: a message compressed once fits every peer, and an idle one holds no window.</summary>
    private const string Response = $"{Name}; server_no_context_takeover; client_no_context_takeover";

    /// <summary>Chooses the first offer whose parameters can all be met.</summary>
    /// <param name="offers">What the client offers, in its order.</param>
    /// <param name="windowBits">The window that what is sent to the client must be made for; 0 when no offer is accepted.</param>
    /// <returns>The answer; null when no offer is accepted.</returns>
    public static string? Choose(List<ExtensionOffer> offers, out int windowBits)
    {
        foreach (var offer in offers)
            if (offer.Name.Equals(Name, StringComparison.OrdinalIgnoreCase) && CanMeet(offer, out int? asked))
            {
                windowBits = asked ?? Deflate.MostWindowBits;
                return asked is null ? Response : $"{Response}; {ServerWindow}={asked}"; // section 7.1.2.1: agreed by naming it, even if it is the usual one
            }
        windowBits = 0;
        return null;
    }

    private static bool CanMeet(ExtensionOffer offer, out int? asked)
    {
        asked = null;
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (parameter, value) in offer.Parameters)
        {
            int? bits = WindowBits(value);
            bool fits = parameter.ToLowerInvariant() switch
            {
                "server_no_context_takeover" or "client_no_context_takeover" => value is null,
                "client_max_window_bits" => value is null || bits is not null, // need not be answered: any window of a client's is understood
                ServerWindow => bits is not null,
                _ => false,
            };
            if (!fits || !seen.Add(parameter))
                return false;
            if (parameter.Equals(ServerWindow, StringComparison.OrdinalIgnoreCase))
                asked = bits;
        }
        return true;
    }

    // A decimal number from 8 to 15 without leading zeros (sections 7.1.2.1 and 7.1.2.2).
    private static int? WindowBits(string? value) => value switch
    {
        "8" or "9" => value[0] - '0',
        ['1', >= '0' and <= '5' and var unit] => 10 + unit - '0',
        _ => null,
    };
}
