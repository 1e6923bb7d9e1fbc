using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Tests.Rooms;

/// <summary>A host of a time line without engine and sockets: its members write down what they get.</summary>
internal sealed class TimelineHost : ITimelineHost
{
    public const string Epoch = "e1";

    private readonly List<Member> _members = [];

    public TimelineHost(long capacity = 1024 * 1024) => Timeline = new RoomTimeline(this, capacity);

    public RoomTimeline Timeline { get; }

    /// <summary>Syncs that were asked for, the one under way included.</summary>
    public int Syncs { get; private set; }

    /// <summary>The gaps that were reported.</summary>
    public List<long> Gaps { get; } = [];

    /// <summary>The losses that were reported.</summary>
    public List<long> Losses { get; } = [];

    /// <summary>How many events were in each fan-out to all.</summary>
    public List<int> Runs { get; } = [];

    /// <summary>Called by each fan-out to all, as something that takes time.</summary>
    public Action OnFanOut { get; set; } = () => { };

    public bool HasMembers => _members.Count > 0;

    /// <summary>A message of the first epoch.</summary>
    public static FrontEvent Message(long sequence, long? order = null, string epoch = Epoch, int bytes = 0) => new()
    {
        Kind = FrontEventKind.Message,
        Target = "lobby",
        From = "alice",
        Epoch = epoch,
        Sequence = sequence,
        Order = order ?? sequence,
        Body = new byte[bytes],
    };

    /// <summary>Somebody's leave, which has an order and no sequence.</summary>
    public static FrontEvent Left(long order) => new() { Kind = FrontEventKind.Left, Target = "lobby", From = "bob", Epoch = Epoch, Order = order };

    public static JoinedReply Joined(long order, long sequence, string epoch = Epoch) => new(new Position(epoch, sequence), order, 1, null, []);

    public static SyncedReply Synced(long order, long sequence, bool complete, params FrontEvent[] missed) =>
        new(new Position(missed is [var first, ..] ? first.Epoch! : Epoch, sequence), order, missed, complete, 1);

    public void Apply(params FrontEvent[] events) => Timeline.Apply(events);

    /// <summary>A join that has been sent; its answer is <see cref="Member.Admit"/>.</summary>
    public Member Join()
    {
        Timeline.BeginJoin();
        return new Member(this);
    }

    /// <summary>A member, and the time line is where the room was at its join.</summary>
    public Member JoinAt(long order = 0, long sequence = 0, string epoch = Epoch) => Join().Admit(Joined(order, sequence, epoch));

    void ITimelineHost.FanOut(ReadOnlySpan<FrontEvent> events)
    {
        Runs.Add(events.Length);
        OnFanOut();
        foreach (var item in events)
        {
            foreach (var member in _members)
                member.Get(item);
        }
    }

    void ITimelineHost.FanOutToEarlier(FrontEvent item)
    {
        foreach (var member in _members.Where(member => member.Point.IsBefore(item)))
            member.Get(item);
    }

    void ITimelineHost.ResetJoinPoints() => _members.ForEach(member => member.Point = default);

    void ITimelineHost.AnnounceLoss(Position position, int members) => _members.ForEach(member => member.Got.Add($"lost until {position.Epoch}/{position.Sequence}"));

    void ITimelineHost.RequestSync() => Syncs++;

    void ITimelineHost.ReportGap(long events) => Gaps.Add(events);

    void ITimelineHost.ReportLoss(long messages) => Losses.Add(messages);

    /// <summary>A member of the room at this front.</summary>
    internal sealed class Member(TimelineHost host)
    {
        public JoinPoint Point { get; set; }

        /// <summary>What it got, in order: <c>m3</c> is message 3, <c>left5</c> a leave of order 5.</summary>
        public List<string> Got { get; } = [];

        public void Get(FrontEvent item) => Got.Add(item.IsMessage() ? $"m{item.Sequence}" : $"left{item.Order}");

        /// <summary>Its join is answered; null: refused.</summary>
        public Member Admit(JoinedReply? reply)
        {
            if (reply is not null)
            {
                var admission = host.Timeline.Admit(reply);
                Got.Add($"joined {admission.Position.Epoch}/{admission.Position.Sequence}");
                Point = admission.Point;
                foreach (var item in admission.Since.Where(Point.IsBefore))
                    Get(item);
                host._members.Add(this);
            }
            host.Timeline.EndJoin();
            return this;
        }

        public void Leave() => host._members.Remove(this);
    }
}

internal static class FrontEventExtensions
{
    public static bool IsMessage(this FrontEvent item) => item.Sequence > 0;
}
