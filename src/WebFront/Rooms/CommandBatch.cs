using System.Buffers;
using System.Diagnostics;
using Realtime.Grains;

namespace Realtime.WebFront.Rooms;

/// <summary>A command of a connection to a room.</summary>
/// <param name="Session">Null for the front's own sync.</param>
/// <param name="Id">The client's, for the answer.</param>
/// <param name="Command">What goes to the grain.</param>
/// <param name="Membership">For joins and leaves.</param>
internal readonly record struct PendingCommand(Session? Session, string? Id, RoomCommand Command, Membership? Membership)
{
    /// <summary>When it came; a timestamp.</summary>
    public long Since { get; } = Stopwatch.GetTimestamp();

    /// <summary>Of a publish that is traced.</summary>
    public Activity? Activity { get; init; }
}

/// <summary>The commands that go to a room in one call. Their array is rented, so that a quiet room has none.</summary>
internal struct CommandBatch
{
    private PendingCommand[]? _items;

    public int Count { get; private set; }

    public readonly PendingCommand this[int index] => _items![index];

    public void Add(PendingCommand command)
    {
        MakePlace();
        _items![Count++] = command;
    }

    /// <summary>Before all others.</summary>
    public void Insert(PendingCommand command)
    {
        MakePlace();
        Array.Copy(_items!, 0, _items!, 1, Count);
        _items![0] = command;
        Count++;
    }

    public readonly RoomCommand[] ToCommands()
    {
        var commands = new RoomCommand[Count];
        for (var i = 0; i < commands.Length; i++)
            commands[i] = _items![i].Command;
        return commands;
    }

    /// <summary>Gives the array back. The batch is empty then.</summary>
    public void Release()
    {
        if (_items is not null)
            Return(_items);
        this = default;
    }

    private void MakePlace()
    {
        if (_items is null)
        {
            _items = ArrayPool<PendingCommand>.Shared.Rent(1);
        }
        else if (Count == _items.Length)
        {
            var larger = ArrayPool<PendingCommand>.Shared.Rent(2 * Count);
            Array.Copy(_items, larger, Count);
            Return(_items);
            _items = larger;
        }
    }

    private readonly void Return(PendingCommand[] items)
    {
        Array.Clear(items, 0, Count); // the rest was never used, or cleared as this
        ArrayPool<PendingCommand>.Shared.Return(items);
    }
}
