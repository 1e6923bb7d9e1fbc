using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Realtime.SignalR.Cluster;

/// <summary>What a message of a hub is sent to: everybody, a group or a user.</summary>
internal static class Topic
{
    /// <summary>Every connection of the hub.</summary>
    public const string All = "a";

    /// <summary>
    /// A hub's topics are divided by hash among so many grains. Few, as what a server has for one of them goes with one call. All
    /// servers must have the same number.
    /// </summary>
    public const int Partitions = 4;

    private const int MaxLength = 128;

    public static string Group(string name) => Of("g", "G", name);

    public static string User(string id) => Of("u", "U", id);

    /// <summary>The same in every process, which the hash of .NET is not.</summary>
    public static int PartitionOf(string topic)
    {
        var hash = 2166136261u;
        foreach (var c in topic)
            hash = (hash ^ c) * 16777619;
        return (int)((hash ^ (hash >> 16)) % Partitions);
    }

    // Names are any string, and clients may choose them: a long one costs no more than its hash, and what is no Unicode text would
    // arrive as another name.
    private static string Of(string plain, string hashed, string name) =>
        name.Length <= MaxLength && name.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0
            ? plain + name
            : hashed + Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(name.AsSpan())));
}
