namespace Realtime.Silo.Rooms;

/// <summary>
/// What one room keeps for those who come back, for its silo's <see cref="HistoryBudget"/>. Made when there is something for the first
/// time, as there are many rooms without.
/// </summary>
/// <param name="room">Has history and publish ids.</param>
/// <param name="batches">Have what was missed, for as long as the answer may be repeated.</param>
/// <param name="budget">The silo's.</param>
/// <param name="beginRelease">Calls <see cref="Release"/> between the steps of the room's turns; called on any thread.</param>
internal sealed class RoomMemory(Room room, LastBatches batches, HistoryBudget budget, Action beginRelease)
{
    /// <summary>What the room has said that it keeps. Under the budget's lock, as all that follows.</summary>
    public long Bytes { get; set; }

    /// <summary>Of it, what the room is asked to release.</summary>
    public long Asked { get; set; }

    public RoomMemory? LessRecent { get; set; }

    public RoomMemory? MoreRecent { get; set; }

    /// <summary>The room was used. In its turn.</summary>
    public void Update() => Update(isUse: true);

    /// <summary>Releases what the room is asked to. In its turn.</summary>
    public void Release() => Update(isUse: false);

    private void Update(bool isUse)
    {
        var bytes = Asked;
        if (bytes > 0)
            bytes -= batches.ForgetMissed();
        if (bytes > 0)
            room.Release(bytes);
        budget.Set(this, room.KeptBytes + batches.MissedBytes, isUse);
    }

    /// <summary>The room is gone from this silo.</summary>
    public void Remove() => budget.Remove(this);

    public void BeginRelease() => beginRelease();
}
