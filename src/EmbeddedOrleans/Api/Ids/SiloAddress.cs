using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Orleans.Runtime;

/// <summary>A silo's address and generation. Silos of this engine share a process: nothing listens at the endpoint.</summary>
[Immutable]
public sealed class SiloAddress : IEquatable<SiloAddress>, IComparable<SiloAddress>, IParsable<SiloAddress>
{
    private static int s_lastGeneration;

    private SiloAddress(IPEndPoint endpoint, int generation)
    {
        Endpoint = endpoint;
        Generation = generation;
    }

    public static SiloAddress Zero { get; } = New(new IPEndPoint(IPAddress.Any, 0), 0);

    public IPEndPoint Endpoint { get; }

    /// <summary>Tells apart the silos that used one endpoint one after the other.</summary>
    public int Generation { get; }

    /// <summary>Clients have negative generations.</summary>
    public bool IsClient => Generation < 0;

    public static SiloAddress New(IPEndPoint ep, int gen) => new(ep, gen);

    public static SiloAddress New(IPAddress address, int port, int generation) => new(new IPEndPoint(address, port), generation);

    public static int AllocateNewGeneration() => Interlocked.Increment(ref s_lastGeneration);

    /// <exception cref="FormatException">The text is not <c>address:port@generation</c>.</exception>
    public static SiloAddress FromParsableString(string addr) => Parse(addr, null);

    public static SiloAddress Parse(string s, IFormatProvider? provider) => TryParse(s, provider, out var result)
        ? result
        : throw new FormatException($"\"{s}\" is not a silo address; it must be \"address:port@generation\".");

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, [MaybeNullWhen(false)] out SiloAddress result)
    {
        result = null;
        var at = s?.LastIndexOf('@') ?? -1;
        if (at < 0
            || !IPEndPoint.TryParse(s.AsSpan(0, at), out var endpoint)
            || !int.TryParse(s.AsSpan(at + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var generation))
            return false;
        result = new SiloAddress(endpoint, generation);
        return true;
    }

    public string ToParsableString() => ToString();

    public bool Equals(SiloAddress? other) => other is not null && Generation == other.Generation && Endpoint.Equals(other.Endpoint);

    public override bool Equals(object? obj) => Equals(obj as SiloAddress);

    public override int GetHashCode() => HashCode.Combine(Endpoint, Generation);

    public int CompareTo(SiloAddress? other) => string.CompareOrdinal(ToString(), other?.ToString());

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Endpoint}@{Generation}");
}
