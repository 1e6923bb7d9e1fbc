using Microsoft.Extensions.Primitives;

namespace Realtime.Connections.Upgrade;

/// <summary>An extension that a client offers, with its parameters in order; one without a value has null (RFC 6455 section 9.1).</summary>
internal sealed record ExtensionOffer(string Name, List<(string Name, string? Value)> Parameters)
{
    /// <summary>Reads the values of Sec-WebSocket-Extensions; false when they are not of its syntax.</summary>
    public static bool TryParse(StringValues values, out List<ExtensionOffer> offers)
    {
        offers = [];
        foreach (var value in values)
        {
            int before = offers.Count;
            var rest = value.AsSpan();
            while (HeaderText.SkipEmptyElements(ref rest))
                if (!TryParseOne(ref rest, offers))
                    return false;
            if (offers.Count == before)
                return false; // a list has one element at least
        }
        return true;
    }

    private static bool TryParseOne(ref ReadOnlySpan<char> rest, List<ExtensionOffer> offers)
    {
        if (!HeaderText.TryTakeToken(ref rest, out string name))
            return false;
        var offer = new ExtensionOffer(name, []);
        offers.Add(offer);
        while (HeaderText.TryTake(ref rest, ';'))
        {
            if (!HeaderText.TryTakeToken(ref rest, out string parameter))
                return false;
            string? argument = null;
            if (HeaderText.TryTake(ref rest, '=') && !HeaderText.TryTakeTokenOrQuoted(ref rest, out argument))
                return false;
            offer.Parameters.Add((parameter, argument));
        }
        return rest.IsEmpty || rest[0] == ',';
    }
}
