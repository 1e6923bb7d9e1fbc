using Realtime.Grains;
using Realtime.WebFront.Rooms;
using static Realtime.WebFront.Protocol.FrameRules;

namespace Realtime.WebFront.Protocol;

/// <summary>What a member shows of itself.</summary>
internal sealed partial class RealtimeProtocol
{
    private ValueTask Update(Session session, in ClientFrame frame)
    {
        if ((MembershipProblem(session, frame, out var membership) ?? DataProblem(frame) ?? ShownProblem(frame, _options.MaxPresenceBytes)) is { } refusal)
            return Refuse(session, frame, refusal);
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        var (id, data) = (frame.Id, frame.CopyData()!);
        Then(membership, () =>
        {
            if (!membership.Room.Update(session, id, membership, data))
                Answer(session, id, membership.Room.Name, s_notJoined);
        });
        return mayGoOn;
    }
}
