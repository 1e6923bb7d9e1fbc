using System.Security.Claims;
using Realtime.Connections;
using Realtime.WebFront.Access;
using Realtime.WebFront.Calls;
using Realtime.WebFront.Http;
using Realtime.WebFront.Limiting;
using Realtime.WebFront.Users;

namespace Realtime.WebFront.Rooms;

/// <summary>What the front keeps of a connection that speaks the protocol.</summary>
internal sealed class Session(Connection connection, string user, ClientCalls calls)
{
    private Membership[] _memberships = []; // replaced, never changed: read without a lock
    private Task _lastDirect = Task.CompletedTask;
    private int _inFlight;
    private bool _isRefreshing;
    private SessionCalls? _calls;
    private TaskCompletionSource? _capacity, _answered; // wait for a command to be answered, and for all of them

    public Connection Connection { get; } = connection;

    public string User { get; } = user;

    /// <summary>The users that it may send to, as far as that had to be asked.</summary>
    public DirectAccess Directs { get; } = new();

    /// <summary>
    /// Sends a message to a user, given the end of what the connection has sent before: calls of a grain that are under way together overtake
    /// each other.
    /// </summary>
    public async Task SendInOrder(Func<Task, Task> send)
    {
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task last;
        lock (this)
            (last, _lastDirect) = (_lastDirect, sent.Task);
        try
        {
            await send(last);
        }
        finally
        {
            sent.SetResult();
        }
    }

    /// <summary>It is a stream of events of one room, or of the inbox: the client hears and cannot say anything.</summary>
    public bool IsStream { get; init; }

    /// <summary>What its client sends comes by other requests; null for a WebSocket, and for a stream.</summary>
    public PostedSession? Posted { get; init; }

    /// <summary>Ends a stream, which has nothing more to tell.</summary>
    public void EndStream(ushort code, string reason)
    {
        if (IsStream)
            _ = Connection.CloseAsync(code, reason);
    }

    public bool IsClosed { get; private set; }

    /// <summary>The calls that are under way, both ways.</summary>
    public SessionCalls Calls
    {
        get
        {
            lock (this)
                return _calls ??= new(IsClosed);
        }
    }

    /// <summary>Calls the client.</summary>
    public ClientCalls CallsOf => calls;

    /// <summary>What it has taken of its limits; null until its first command.</summary>
    public CommandBuckets? Buckets { get; set; }

    /// <summary>Who the user is by the newest token. What the connection itself has of it is that of the handshake.</summary>
    public ClaimsPrincipal Principal
    {
        get => Subject.Principal;
        set => Subject = new AccessSubject(value, User);
    }

    /// <summary>The principal, as access knows it.</summary>
    public AccessSubject Subject { get; private set; } = new(connection.User, user);

    /// <summary>The expiry that is watched. Read and written under the lock of <see cref="Tokens.TokenExpiry"/>.</summary>
    public DateTimeOffset? TokenExpires { get; set; }

    /// <summary>The partition that has been told of the connection, or is about to be. Read and written under its lock.</summary>
    public LocalPartition? Partition { get; set; }

    /// <summary>In rooms.</summary>
    public ReadOnlySpan<Membership> Memberships => _memberships;

    /// <summary>In its user's inbox, since the connection has asked for it.</summary>
    public Membership? Inbox { get; private set; }

    public static Session Of(Connection connection) => (Session)connection.State!;

    /// <summary>Who the user of a connection is by the newest token, also of one that does not speak the protocol.</summary>
    public static ClaimsPrincipal PrincipalOf(Connection connection) => (connection.State as Session)?.Principal ?? connection.User;

    public Membership? MembershipIn(string room)
    {
        foreach (var membership in _memberships)
        {
            if (membership.Room.Name == room)
                return membership;
        }
        return null;
    }

    public Membership? MembershipIn(LocalRoom room)
    {
        if (Inbox is { } inbox && ReferenceEquals(inbox.Room, room))
            return inbox;
        foreach (var membership in _memberships)
        {
            if (ReferenceEquals(membership.Room, room))
                return membership;
        }
        return null;
    }

    /// <summary>Adds a membership, or says why not: a client's join and the server's may come at once.</summary>
    /// <param name="membership">Of a room.</param>
    /// <param name="most">In how many rooms the connection may be.</param>
    public AddResult TryAdd(Membership membership, int most)
    {
        lock (this)
        {
            if (IsClosed)
                return AddResult.Closed;
            if (MembershipIn(membership.Room.Name) is not null)
                return AddResult.IsIn;
            if (_memberships.Length >= most)
                return AddResult.TooMany;
            _memberships = [.. _memberships, membership];
            return AddResult.Added;
        }
    }

    public void AddInbox(Membership membership)
    {
        lock (this)
            Inbox = membership;
    }

    /// <summary>Says whether the membership was there.</summary>
    public bool Remove(Membership membership)
    {
        lock (this)
        {
            if (Inbox == membership)
            {
                Inbox = null;
                return true;
            }
            var at = Array.IndexOf(_memberships, membership);
            if (at < 0)
                return false;
            _memberships = [.. _memberships[..at], .. _memberships[(at + 1)..]];
            return true;
        }
    }

    /// <summary>The connection is closed: gives the memberships that it had, once.</summary>
    public Membership[] Close()
    {
        lock (this)
        {
            IsClosed = true;
            _calls?.Close();
            Membership[] memberships = Inbox is null ? _memberships : [.. _memberships, Inbox];
            (_memberships, Inbox) = ([], null);
            return memberships;
        }
    }

    /// <summary>False while another refresh is under way.</summary>
    public bool TryBeginRefresh() => !Interlocked.Exchange(ref _isRefreshing, true);

    public void EndRefresh() => Volatile.Write(ref _isRefreshing, false);

    /// <summary>Counts a command; completes when the connection may go on, which is at once below the bound.</summary>
    public ValueTask BeginCommand(int bound)
    {
        lock (this)
        {
            if (++_inFlight < bound)
                return ValueTask.CompletedTask;
            _capacity ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(_capacity.Task);
        }
    }

    public void EndCommand()
    {
        lock (this)
        {
            if (--_inFlight <= 0)
                _answered?.TrySetResult();
            _capacity?.TrySetResult();
            _capacity = null;
        }
    }

    /// <summary>Completes when all commands are answered; to be asked when no more come.</summary>
    public Task Answered()
    {
        lock (this)
        {
            if (_inFlight <= 0)
                return Task.CompletedTask;
            return (_answered ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }
}

/// <summary>What became of a membership that was to be added.</summary>
internal enum AddResult : byte { Added, IsIn, TooMany, Closed }
