using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Realtime.WebFront.Limiting;

/// <summary>What counts as one address: that of IPv4, and of IPv6 the /64 network, of which a household has all.</summary>
internal static class AddressKey
{
    /// <summary>Null for what has no address, as a unix socket, and for loopback unless that counts.</summary>
    public static UInt128? Of(IPAddress? address, bool loopbackCounts)
    {
        if (address is null)
            return null;
        Span<byte> bytes = stackalloc byte[16];
        var isV4 = address.AddressFamily == AddressFamily.InterNetwork || address.IsIPv4MappedToIPv6;
        if (!address.TryWriteBytes(bytes, out var length))
            return null;
        if (!loopbackCounts && (isV4 ? bytes[length - 4] == 127 : IPAddress.IsLoopback(address)))
            return null;
        // A network of IPv6 has nothing in its lower half, a mapped address has.
        return isV4
            ? new UInt128(0, 0xFFFF_0000_0000UL | BinaryPrimitives.ReadUInt32BigEndian(bytes[(length - 4)..length]))
            : new UInt128(BinaryPrimitives.ReadUInt64BigEndian(bytes), 0);
    }
}
