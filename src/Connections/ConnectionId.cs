using System.Buffers.Text;
using System.Security.Cryptography;

namespace Realtime.Connections;

internal static class ConnectionId
{
    private const int Bytes = 16; // as a random UUID: no two alike, none to be guessed

    public static string New()
    {
        Span<byte> random = stackalloc byte[Bytes];
        RandomNumberGenerator.Fill(random);
        return Base64Url.EncodeToString(random);
    }
}
