using Realtime.Client.Protocol;

namespace Realtime.Client.State;

/// <summary>What a room tells without a number: who comes and goes, and ephemeral messages.</summary>
internal sealed partial class RoomState
{
    private void Present(scoped in ServerFrame frame, int bytes)
    {
        if (!IsJoined)
            return;
        long? order = frame.Order >= 0 ? frame.Order : null;
        switch (frame.Type)
        {
            case FrameType.Presence:
                Members = frame.Count;
                Tell(new MemberCount(frame.Count, order), bytes);
                break;
            case FrameType.Members:
                Members = frame.Count;
                Tell(new RoomMembers(Pages.Members(in frame)), bytes);
                break;
            case FrameType.Update:
                Tell(new MemberUpdated(_session.Texts.Get(frame.From), new(frame.Data.ToArray()), order), bytes);
                break;
            case FrameType.Join:
                Members++;
                Tell(new MemberJoined(_session.Texts.Get(frame.From), new(frame.Data.ToArray()), order), bytes);
                break;
            case FrameType.Leave:
                Members = Math.Max(Members - 1, 0);
                Tell(new MemberLeft(_session.Texts.Get(frame.From), order), bytes);
                break;
        }
    }

    private void Ephemeral(scoped in ServerFrame frame, int bytes)
    {
        if (!IsJoined)
            return;
        Tell(new EphemeralMessage
        {
            From = frame.From.IsPresent ? _session.Texts.Get(frame.From) : null,
            IsService = frame.IsService,
            Key = frame.Key.IsPresent ? _session.Texts.Get(frame.Key) : null,
            Content = frame.Content.Decode(),
            Data = new(frame.Data.ToArray()),
            Timestamp = Pages.Time(frame.Timestamp),
        }, bytes);
    }
}
