using Realtime.Grains;

namespace Realtime.WebFront.Rooms;

/// <summary>
/// What keeps a room and its grain in step. A sync tells the grain who is here, all of them and nobody else, and asks it for what is missing here.
/// While one is under way the room stays among the front's: another object of its name would have members that this one does not tell of.
/// </summary>
internal sealed partial class LocalRoom
{
    /// <summary>A silo may be up and not yet in the list of those that are.</summary>
    private static readonly TimeSpan s_leastBetweenSyncs = TimeSpan.FromSeconds(1);

    private long _syncedAt; // timestamp
    private bool _holdsSync; // a reference, until the sync has ended
    private int _unconfirmed; // references of commands that were given up, until a sync

    /// <summary>
    /// Syncs with the room when it was on none of these silos, which are up: then it is elsewhere now and has no members. At most
    /// once a second.
    /// </summary>
    public void SyncUnlessOn(string[] silos)
    {
        if (Silo is { } silo && silos.Contains(silo))
            return;
        lock (Gate)
        {
            Wake();
            if (_syncedAt == 0 || _services.Time.GetElapsedTime(_syncedAt) >= s_leastBetweenSyncs)
                _timeline.BeginSync();
        }
    }

    /// <summary>Tells the room who is here, and asks it for what is missing here.</summary>
    public void Sync()
    {
        lock (Gate)
        {
            Wake();
            _timeline.BeginSync();
        }
    }

    /// <summary>The sync failed; it is repeated when the front next compares its rooms with the cluster.</summary>
    public void AbandonSync()
    {
        int references;
        lock (Gate)
        {
            _pacer.Flush(); // to what is held
            _timeline.EndSync(null);
            EndStateSync(null);
            _commands.ForgetSilo();
            NoteOutOfStep();
            references = EndSyncReference();
        }
        ReleaseMany(references);
    }

    private int EndSyncReference()
    {
        if (!_holdsSync || _timeline.IsSyncing) // once more
            return 0;
        _holdsSync = false;
        return 1;
    }

    /// <summary>The room has not had, or not answered, what it was told of who is here. A sync mends it, when the front next renews its lease.</summary>
    private void NoteOutOfStep()
    {
        lock (Gate)
        {
            if (_references >= 0)
                _rooms.AddOutOfStep(this);
        }
    }

    private void ReleaseMany(int references)
    {
        while (references-- > 0)
            Release();
    }

    private void EndSync(SyncedReply? reply)
    {
        if (reply is null)
        {
            AbandonSync();
            return;
        }
        int references;
        lock (Gate)
        {
            _pacer.Flush(); // to what is held
            _timeline.EndSync(reply);
            EndStateSync(reply);
            references = EndSyncReference() + _unconfirmed;
            _unconfirmed = 0;
            _rooms.RemoveOutOfStep(this);
        }
        ReleaseMany(references);
    }

    /// <summary>The same, once it is known that the room has not got, or has forgotten, whose reference it is.</summary>
    private void ReleaseAfter(RoomReply reply)
    {
        if (reply != CommandQueue.Unreachable)
        {
            Release();
            return;
        }
        lock (Gate)
        {
            _unconfirmed++;
            NoteOutOfStep();
        }
    }

    void ITimelineHost.RequestSync()
    {
        if (_references < 0)
            return; // it is another object's now
        if (!_holdsSync)
            _references++;
        _holdsSync = true;
        _services.Repairs.Add(1);
        _syncedAt = _services.Time.GetTimestamp();
        _commands.RequestSync();
    }
}
