using System.Diagnostics;
using Realtime.Grains;
using Realtime.WebFront.Access;
using Realtime.WebFront.Rooms;
using static Realtime.WebFront.Protocol.FrameRules;

namespace Realtime.WebFront.Protocol;

/// <summary>Messages of clients to rooms.</summary>
internal sealed partial class RealtimeProtocol
{
    private ValueTask Publish(Session session, in ClientFrame frame)
    {
        if ((MembershipProblem(session, frame, out var membership) ?? KeyProblem(frame) ?? BodyProblem(frame, _options.MaxContentBytes)) is { } refusal)
            return Refuse(session, frame, refusal);
        if (membership.Gate is { } gate)
            return Publish(session, membership, gate, CommandOf(session, membership, frame, out var later), later);
        if ((membership.Allowed & RoomOperation.Publish) == 0)
            return Refuse(session, frame, access.Refuse(RoomOperation.Publish, default));
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        membership.Room.Submit(session, frame.Id, CommandOf(session, membership, frame, out var activity), activity: activity);
        return mayGoOn;
    }

    private PublishCommand CommandOf(Session session, Membership membership, in ClientFrame frame, out Activity? activity)
    {
        activity = FrontTracing.StartPublish(membership.Room.Name, frame.TraceParent);
        return new(session.User, frame.Id, frame.CopyBody())
        {
            Except = frame.Echo ?? membership.HasEcho ? null : session.Connection.Id,
            IsEphemeral = frame.Ephemeral == true,
            Key = frame.Key,
            IfVersion = frame.If,
            IfEpoch = frame.If is null ? null : membership.Room.Epoch,
            Ttl = frame.Ttl,
            IsDeleted = frame.Deleted == true,
            Trace = FrontTracing.Of(activity, time),
        };
    }

    private ValueTask Publish(Session session, Membership membership, AccessGate gate, PublishCommand command, Activity? activity)
    {
        var mayGoOn = session.BeginCommand(_options.MaxCommandsInFlight);
        gate.Then(() =>
        {
            if (membership.State == MembershipState.Ended)
                Refuse(s_notJoined);
            else if ((membership.Allowed & RoomOperation.Publish) == 0)
                Refuse(access.Refuse(RoomOperation.Publish, default));
            else
                membership.Room.Submit(session, command.Id, command, activity: activity);
        });
        return mayGoOn;

        void Refuse(Refusal refusal)
        {
            FrontTracing.End(activity, refusal.Code);
            Answer(session, command.Id, membership.Room.Name, refusal);
        }
    }
}
