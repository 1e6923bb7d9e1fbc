using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Realtime.Connections;

namespace Realtime.WebFront.Http;

/// <summary>A session whose frames go down as server-sent events and come up by posts, each of which any front may get.</summary>
internal sealed class PostedSession
{
    private readonly TaskCompletionSource<string> _connection = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(16);

    public PostedInput Input { get; } = new();

    /// <summary>It is the session of a connection, whose id others may know.</summary>
    public void Attach(Connection connection) => _connection.TrySetResult(connection.Id);

    /// <summary>By which its client posts: where it is, which it is, and that it is its client.</summary>
    public async Task<string> AddressAt(string front) => $"{front}.{await _connection.Task}.{Base64Url.EncodeToString(_secret)}";

    public bool IsOf(string secret) => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(Base64Url.EncodeToString(_secret)));
}
