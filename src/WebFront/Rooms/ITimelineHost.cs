using Realtime.Grains;

namespace Realtime.WebFront.Rooms;

/// <summary>What a <see cref="RoomTimeline"/> decides, its host carries out. Called from within the time line's own methods.</summary>
internal interface ITimelineHost
{
    /// <summary>Whether any connection of this front is a member.</summary>
    bool HasMembers { get; }

    /// <summary>Delivers to every member: messages that follow each other, or ephemeral ones, or one event of another kind.</summary>
    void FanOut(ReadOnlySpan<FrontEvent> events);

    /// <summary>Delivers to the members whose <see cref="JoinPoint"/> is before the event.</summary>
    void FanOutToEarlier(FrontEvent item);

    /// <summary>Every member's <see cref="JoinPoint"/> becomes the beginning: an epoch begins.</summary>
    void ResetJoinPoints();

    /// <summary>Tells every member that messages are lost, and from where the room goes on.</summary>
    void AnnounceLoss(Position position, int members);

    /// <summary>Tells the members who have asked for it who is in the room: what has changed may not have come here.</summary>
    void RenewPresence(SyncedReply reply) { }

    /// <summary>Gives the members who have asked for it the room's state, where it came with the sync: messages that have changed it may be lost.</summary>
    void RenewState(SyncedReply reply, bool isLoss) { }

    /// <summary>Sends the room a sync; its answer goes to <see cref="RoomTimeline.EndSync"/>.</summary>
    void RequestSync();

    /// <summary>Logs how many events are missing; -1 when the room is new.</summary>
    void ReportGap(long events);

    /// <summary>Logs how many messages are gone from the room's log.</summary>
    void ReportLoss(long messages);
}
