using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Rooms;

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

/// <summary>Those of this front.</summary>
internal sealed class PostedSessions(ConnectionRegistry registry)
{
    public SessionPostResult Post(SessionPost post)
    {
        if (registry.Get(post.Connection) is not { State: Session { Posted: { } posted } } connection || connection.UserId != post.User || !posted.IsOf(post.Secret))
            return SessionPostResult.NotFound;
        return posted.Input.Post(post.Number, post.Frames) switch
        {
            PostOutcome.Taken or PostOutcome.Repeated => SessionPostResult.Taken,
            PostOutcome.Missing => SessionPostResult.Missing,
            PostOutcome.Full => SessionPostResult.Full,
            _ => SessionPostResult.NotFound,
        };
    }
}
