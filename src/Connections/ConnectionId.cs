using System.Buffers.Text;
using System.Security.Cryptography;

namespace Realtime.Connections;

internal static class ConnectionId
{
    private const int Bytes = 16; // as a random UUID: no two alike, none to be guessed

    // The system is asked for many at a time, which costs hardly more than for one.
    private const int Block = 64 * Bytes;

    [ThreadStatic]
    private static byte[]? t_random;

    [ThreadStatic]
    private static int t_used;

    public static string New()
    {
        var random = t_random ??= new byte[Block];
        if (t_used == 0)
            RandomNumberGenerator.Fill(random);
        var id = Base64Url.EncodeToString(random.AsSpan(t_used, Bytes));
        t_used = (t_used + Bytes) % Block;
        return id;
    }
}
