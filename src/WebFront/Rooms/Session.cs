using Realtime.Connections;
using Realtime.WebFront.Users;

namespace Realtime.WebFront.Rooms;

/// <summary>Where a connection is with one room.</summary>
internal enum SeatState : byte { Joining, Joined, Leaving }

/// <summary>One connection in one room.</summary>
internal sealed class Seat(LocalRoom room)
{
    public LocalRoom Room { get; } = room;

    public SeatState State { get; set; }

    /// <summary>Room events up to this order happened before the join. Read and written under the room's lock.</summary>
    public long JoinedOrder { get; set; }

    /// <summary>Messages up to this sequence were said before the join, or were given with its answer. Likewise.</summary>
    public long JoinedSequence { get; set; }
}

/// <summary>What the front keeps of a connection that speaks the protocol.</summary>
internal sealed class Session(Connection connection, string user)
{
    private Seat[] _seats = []; // replaced, never changed: read without a lock
    private int _inFlight;
    private TaskCompletionSource? _room; // waits for a command to be answered

    public Connection Connection { get; } = connection;

    public string User { get; } = user;

    public bool IsClosed { get; private set; }

    /// <summary>The partition that has been told of the connection, or is about to be. Read and written under its lock.</summary>
    public LocalPartition? Partition { get; set; }

    public ReadOnlySpan<Seat> Seats => _seats;

    public static Session Of(Connection connection) => (Session)connection.State!;

    public Seat? SeatIn(string room)
    {
        foreach (var seat in _seats)
        {
            if (seat.Room.Name == room)
                return seat;
        }
        return null;
    }

    public Seat? SeatIn(LocalRoom room)
    {
        foreach (var seat in _seats)
        {
            if (ReferenceEquals(seat.Room, room))
                return seat;
        }
        return null;
    }

    public void Add(Seat seat)
    {
        lock (this)
            _seats = [.. _seats, seat];
    }

    /// <summary>Says whether the seat was there.</summary>
    public bool Remove(Seat seat)
    {
        lock (this)
        {
            var at = Array.IndexOf(_seats, seat);
            if (at < 0)
                return false;
            _seats = [.. _seats[..at], .. _seats[(at + 1)..]];
            return true;
        }
    }

    /// <summary>The connection is closed: gives the seats that it had, once.</summary>
    public Seat[] Close()
    {
        lock (this)
        {
            IsClosed = true;
            var seats = _seats;
            _seats = [];
            return seats;
        }
    }

    /// <summary>Counts a command; completes when the connection may go on, which is at once below the bound.</summary>
    public ValueTask BeginCommand(int bound)
    {
        lock (this)
        {
            if (++_inFlight < bound)
                return ValueTask.CompletedTask;
            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(_room.Task);
        }
    }

    public void EndCommand()
    {
        lock (this)
        {
            _inFlight--;
            _room?.TrySetResult();
            _room = null;
        }
    }
}
