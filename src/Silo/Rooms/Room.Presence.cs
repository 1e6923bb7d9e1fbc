using System.Diagnostics.CodeAnalysis;

namespace Realtime.Silo.Rooms;

/// <summary>Who is in the room, what they show of themselves, and what the others are told of it.</summary>
internal sealed partial class Room
{
    private readonly PresenceCount _count = new(options.PresenceLimit, options.PresenceCountInterval);
    private PresenceFold? _fold; // made when there is something to fold for the first time
    private PresenceData? _data; // made for the first who shows something
    private Dictionary<string, string?>? _changed; // users whose data has changed in this turn, and the connection that has written it
    private long _restoredAt; // Unix milliseconds: when there last was something that is not told one by one; 0 when all is told
    private bool _isCounted; // the room was too large to tell names, since it last told any
    private bool _isFollowed; // members have asked to know of the others
    private bool _givesPage; // a reply of this turn is to have a page of members

    /// <summary>Who is in the room, what they show, or how many they are, has changed and is not published yet.</summary>
    public bool PresenceIsDue => _count.IsDue || _fold?.IsDue == true || IsRestored;

    private bool IsRestored => _restoredAt > 0 && _isFollowed;

    /// <summary>
    /// A turn's commands are applied: what members have written is told, the last of each user, and the replies have the page of members
    /// that was asked for. It is one for all of them, and so of the end of the turn.
    /// </summary>
    public void EndTurn(ReadOnlySpan<RoomCommand> commands, Span<RoomReply> replies)
    {
        PublishData();
        if (!_givesPage)
            return;
        _givesPage = false;
        MembersPage? page = null;
        for (var i = 0; i < replies.Length; i++)
        {
            replies[i] = (commands[i], replies[i]) switch
            {
                (JoinCommand { Presence: PresenceMode.Members }, JoinedReply joined) => joined with { Presence = page ??= Page(null, Limits.JoinPage, asTold: true) },
                (SyncCommand { FollowsPresence: true }, SyncedReply synced) when !IsRestored => synced with { Presence = page ??= Page(null, Limits.JoinPage, asTold: true) },
                (_, var reply) => reply,
            };
        }
    }

    /// <summary>A page of who is in the room with what they show.</summary>
    /// <param name="after">The page begins after this user; null for the first.</param>
    /// <param name="limit">The most users.</param>
    /// <param name="asTold">
    /// Those whose coming or going is not told yet are as they were: so what is told after the page's order makes of it what there is.
    /// </param>
    public MembersPage Page(string? after, int limit, bool asTold = false)
    {
        var page = _members.Page(after, limit) with { Order = _order };
        if (asTold && !_count.Replaces(_members.Users) && _fold is { IsDue: true })
            page = AsTold(page, after, _fold);
        if (_data is null or { IsEmpty: true })
            return page;
        var bytes = 0L;
        for (var i = 0; i < page.Users.Length; i++)
        {
            bytes += _data.Of(page.Users[i])?.Length ?? 0;
            if (bytes <= Limits.PresenceBytes || i == 0)
                continue;
            page = page with { Users = page.Users[..i], Next = page.Users[i - 1] };
            break;
        }
        byte[]?[] data = [.. page.Users.Select(_data.Of)];
        return Array.Exists(data, item => item is not null) ? page with { Data = data } : page;
    }

    private static MembersPage AsTold(MembersPage page, string? after, PresenceFold fold)
    {
        var users = new SortedSet<string>(page.Users, StringComparer.Ordinal);
        foreach (var (user, isIn) in fold.Untold)
        {
            if (!isIn)
                users.Remove(user);
            else if ((after is null || string.CompareOrdinal(user, after) > 0) && (page.Next is null || string.CompareOrdinal(user, page.Next) <= 0))
                users.Add(user);
        }
        return page with { Users = [.. users] };
    }

    /// <summary>Publishes what is due of who is in the room; the grain's timer calls it again while something is.</summary>
    public void PublishDuePresence()
    {
        if (!HasPast)
            return;
        var now = NowMs();
        if (_count.Replaces(_members.Users))
            _fold?.Clear();
        foreach (var news in _fold?.Take(_members.HasUser, now) ?? [])
            _events.Add(Presence(news, now));
        PublishRestored(now);
        if (_count.TryPublish(now))
            _events.Add(Presence(new("", FrontEventKind.Presence, null), now));
    }

    /// <summary>When the fronts have told their members, or the room is no longer too large, those who follow who is here are told all of it once.</summary>
    private void PublishRestored(long now)
    {
        if (!IsRestored || now - _restoredAt < options.PresenceCountInterval.TotalMilliseconds)
            return;
        _restoredAt = 0;
        _isCounted = _count.Replaces(_members.Users);
        if (_isCounted)
            _count.Change();
        else
            _events.Add(Presence(new("", FrontEventKind.Members, null), now));
    }

    /// <summary>What a member wants to show; null for nothing new. False when it may not.</summary>
    private bool TryTakeData(string front, JoinCommand join, out byte[]? data, [NotNullWhen(false)] out RefusedReply? refused)
    {
        (data, refused) = (join.IsHidden ? null : join.Data, null);
        if (join.Data is null)
            return true;
        if (MessageBody.DataProblem(join.Data, options.MaxPresenceBytes, "Rooms:MaxPresenceBytes") is { } wrong)
        {
            refused = new RefusedReply(wrong.Code, wrong.Message);
            return false;
        }
        if (data is null || Data.Fits(front, join.Connection, data.Length))
            return true;
        SiloLimits.Met(SiloLimits.PresenceBytes);
        data = null;
        if (!join.IsUpdate && _members.Has(front, join.Connection))
            return true; // it is seen again, though it shows nothing
        refused = new RefusedReply(RoomException.RoomFull,
            $"The members of the room show {Data.Bytes} bytes of data already, and this would be more than {options.MaxPresenceRoomBytes} (Rooms:MaxPresenceRoomBytes).");
        return false;
    }

    /// <summary>A connection comes, or writes what it shows.</summary>
    private void Add(string front, JoinCommand join, byte[]? data)
    {
        if (join.Presence != PresenceMode.Changes)
            (_isFollowed, _givesPage) = (true, _givesPage || join.Presence == PresenceMode.Members);
        var isFirst = _members.Add(front, join.Connection, join.User, join.IsHidden);
        if (data is not null)
            Data.Set(front, join.Connection, join.User, data, NowMs());
        if (isFirst && join.IsUpdate)
            Restored(join.User); // it was in the room that was lost
        else if (isFirst)
            PublishPresence(FrontEventKind.Joined, join.User, data is null ? null : join.Connection);
        else if (data is not null)
            Change(join.User, join.Connection);
    }

    /// <summary>A connection goes, or is no longer seen.</summary>
    private void Remove(string front, string connection)
    {
        var changed = _data?.Remove(front, connection);
        if (_members.Remove(front, connection) is { } user)
            PublishPresence(FrontEventKind.Left, user);
        else if (changed is not null)
            Change(changed, null); // another connection of the user is left, and shows something else
    }

    /// <summary>
    /// A front tells its members: those that are new nobody is told of one by one. Any others that the room has of this front are gone: their leave did
    /// not come here, or their join came after the front had given it up.
    /// </summary>
    private void Restore(string front, SyncCommand sync)
    {
        _isFollowed |= sync.FollowsPresence;
        _givesPage |= sync.FollowsPresence;
        if (Array.Exists(sync.Members, member => !member.IsHidden))
            TellLoss();
        foreach (var member in sync.Members)
        {
            var isKnown = _members.Has(front, member.Connection);
            if (_members.Add(front, member.Connection, member.User, member.IsHidden))
                Restored(member.User);
            if (isKnown || member.IsHidden || member.Data is null || MessageBody.DataProblem(member.Data, options.MaxPresenceBytes, "") is not null)
                continue;
            Data.Restore(front, member.Connection, member.User, member.Data, Math.Min(member.DataTime, NowMs()));
            Restored();
        }
        if (_members.ConnectionsOf(front) is var known && known.Count <= sync.Members.Length)
            return;
        string[] gone = [.. known.Except(sync.Members.Select(member => member.Connection))];
        foreach (var connection in gone)
            Remove(front, connection);
        if (IsEmpty)
            ForgetPresence();
    }

    private void Restored() => _restoredAt = NowMs();

    private void Restored(string user)
    {
        Restored();
        if (HasPast)
            Facts?.Restore(user, Epoch, NowMs());
    }

    /// <summary>Somebody was in the room of whom it does not know. Unless it knows of others: then its loss is told already.</summary>
    private void TellLoss()
    {
        if (HasPast && _members.Users == 0 && Facts is { IsOccupied: false } facts)
            facts.Reset(Epoch, NowMs());
    }

    /// <summary>The log is open, and what there is can be told to who is outside: of a room that was there before, not what it was told then.</summary>
    private void TellRestored(bool wasThere)
    {
        if (Facts is null)
            return;
        if (wasThere || _members.Users > 0)
            Facts.Reset(Epoch, NowMs());
        if (_members.Users == 0)
            return;
        foreach (var user in _members.Page(null, _members.Users).Users)
            Facts.Restore(user, Epoch, NowMs());
    }

    private void LoadData(RoomState state)
    {
        _isFollowed = state.IsFollowed;
        foreach (var (front, members) in state.Members)
        {
            foreach (var member in members)
            {
                if (member.Data is { } data)
                    Data.Restore(front, member.Connection, member.User, data, member.DataTime);
            }
        }
    }

    /// <summary>There is nobody to tell.</summary>
    private void ForgetPresence() => (_fold, _data, _changed, _restoredAt, _isFollowed, _isCounted) = (null, null, null, 0, false, false);

    /// <summary>What a user shows has changed; it is told at the end of the turn.</summary>
    private void Change(string user, string? except) => (_changed ??= [])[user] = except;

    private void PublishData()
    {
        if (_changed is not { Count: > 0 })
            return;
        if (HasPast && !_count.Replaces(_members.Users))
        {
            foreach (var (user, except) in _changed)
            {
                if (_members.HasUser(user) && Fold.Tell(user, FrontEventKind.Updated, true, except, NowMs()) is { } news)
                    _events.Add(Presence(news, NowMs()));
            }
        }
        _changed.Clear();
    }

    private void PublishPresence(FrontEventKind kind, string user, string? except = null)
    {
        if (!HasPast)
            return; // no join has been answered yet
        Facts?.Change(user, kind == FrontEventKind.Joined, Epoch, NowMs());
        if (_count.Replaces(_members.Users))
        {
            _isCounted = true;
            _count.Change();
            PublishDuePresence();
            return;
        }
        if (_isCounted)
        {
            _isCounted = false;
            Restored(); // who follows who is here does not know it
        }
        if (kind == FrontEventKind.Joined && _fold is null)
        {
            _events.Add(Presence(new(user, kind, null), NowMs()));
        }
        else if (Fold.Tell(user, kind, _data is not null, except, NowMs()) is { } news)
        {
            _events.Add(Presence(news, NowMs()));
        }
    }

    private PresenceFold Fold => _fold ??= new(options.PresenceChangeBurst, options.PresenceChangeInterval);

    private PresenceData Data => _data ??= new(options.MaxPresenceRoomBytes);

    private FrontEvent Presence(in PresenceNews news, long now)
    {
        var order = ++_order;
        return new()
        {
            Kind = news.Kind,
            Target = name,
            From = news.User.Length > 0 ? news.User : null,
            Epoch = Epoch,
            Order = order,
            Timestamp = now,
            Members = _members.Users,
            Except = news.Except,
            Body = news.Kind switch
            {
                FrontEventKind.Joined or FrontEventKind.Updated => _data?.Of(news.User) ?? [],
                FrontEventKind.Members => Page(null, Limits.JoinPage, asTold: true).ToMembers(),
                _ => [],
            },
        };
    }
}
