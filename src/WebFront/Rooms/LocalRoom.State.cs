using Realtime.Grains;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Rooms;

/// <summary>The room's state, for the members who have asked for it. Under the lock, but for what a command says.</summary>
internal sealed partial class LocalRoom
{
    private bool _followsState; // members have asked for it, now or before
    private bool _needsState; // one of them has not got it
    private bool _asksForState; // in the sync that is under way

    /// <summary>The epoch of what members have been told; null before there is any. May be read from any thread.</summary>
    public string? Epoch => _timeline.Position?.Epoch;

    /// <summary>Behind <c>joined</c> and before whatever comes later: the state at the join, or soon the state of then.</summary>
    private void BeginState(Session session, JoinCommand join, JoinedReply reply, bool isAtAnswer)
    {
        if (!join.WithState)
            return;
        _followsState = true;
        if (reply.State is { } state && isAtAnswer)
        {
            foreach (var page in StateFrames.Pages(this, state))
                session.Connection.Deliver(page);
        }
        else if (reply.Recovered != true)
            NeedState();
    }

    private void NeedState()
    {
        _needsState = true;
        _timeline.BeginSync();
    }

    private bool TakeNeedsState()
    {
        (_asksForState, _needsState) = (_needsState, false);
        return _asksForState;
    }

    private void EndStateSync(SyncedReply? reply)
    {
        if (reply is null)
            _needsState |= _asksForState;
        else if (_needsState)
            _timeline.BeginSync(); // it came after the sync was made
        _asksForState = false;
    }

    void ITimelineHost.RenewState(SyncedReply reply, bool isLoss)
    {
        if (!_followsState)
            return;
        if (reply.State is not { } state)
        {
            _needsState |= isLoss;
            return;
        }
        var pages = StateFrames.Pages(this, state);
        foreach (var member in _services.Registry.Members(Name))
        {
            if (Session.Of(member).MembershipIn(this) is not { HasState: true })
                continue;
            foreach (var page in pages)
                member.Deliver(page);
        }
    }
}
