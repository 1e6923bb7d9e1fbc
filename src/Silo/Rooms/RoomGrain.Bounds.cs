using Microsoft.Extensions.Logging;
using Realtime.PushStreams;

namespace Realtime.Silo.Rooms;

/// <summary>What the silo bounds for all its rooms together: how many there are, and what they keep.</summary>
internal sealed partial class RoomGrain
{
    private static readonly RefusedReply s_full =
        new(RoomException.Unavailable, "The server has as many rooms as it may (Rooms:MaxRooms); try again later, or another room.");

    private RoomMemory? _memory;
    private bool _isOpen; // counted among the silo's rooms

    /// <summary>Counts the room among the silo's; false when it is new here and there are as many as may be.</summary>
    private bool TryBeginOpen(bool isKnown = false)
    {
        if (_isOpen)
            return true;
        _isOpen = registry.TryBeginOpen(isKnown ? int.MaxValue : options.Value.MaxRooms ?? int.MaxValue);
        if (!_isOpen)
        {
            SiloLimits.Met(SiloLimits.Rooms);
            DeactivateIfUnused();
        }
        return _isOpen;
    }

    private void ThrowIfFull()
    {
        if (!TryBeginOpen())
            throw new RoomException(s_full.Code, s_full.Reason);
    }

    private void EndOpen()
    {
        if (_isOpen)
            registry.EndOpen();
        _isOpen = false;
    }

    private void UpdateMemory()
    {
        CountState();
        if (_memory is null && _room.KeptBytes + _batches.MissedBytes == 0)
            return;
        _memory ??= new RoomMemory(_room, _batches, budget, () => GrainContext.Scheduler.QueueAction(Release));
        _memory.Update();
    }

    private void Release()
    {
        try
        {
            if (_memory!.Bytes == 0)
                return; // the room is gone from here
            _memory.Release();
            KeepAlive();
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogReleaseFailed(Logger, this.GetPrimaryKeyString(), exception));
        }
    }

    [LoggerMessage(2, LogLevel.Error, "Room {Room} could not release memory.")]
    private static partial void LogReleaseFailed(ILogger logger, string room, Exception exception);
}
