namespace Realtime.Connections;

// What the heartbeat watches over: pings, silence, writes that stall, close handshakes that take too long.
public sealed partial class Connection
{
    private const int Never = int.MaxValue / 2; // far from wrapping around when ticks are subtracted

    private int PingTicks => Options.PingInterval == TimeSpan.Zero ? Never / 2 : Heartbeat.Ticks(Options.PingInterval) - 1;

    /// <summary>Does what is due and returns when to come again. Never blocks.</summary>
    internal int OnHeartbeat(int now)
    {
        switch (_phase)
        {
            case Phase.InputEnded when now - _closeDeadline >= 0:
                _closeDeadline = now + Heartbeat.Ticks(Options.CloseTimeout);
                Inbox?.GiveUp(); // the function does not come to an end: the connection closes without it
                break;
            case Phase.Closing when now - _closeDeadline >= 0:
                Abort();
                return now + 1;
            case Phase.Open when IsWriteOverdue(now):
                Cut(CloseCodes.WriteTimeout, "write timeout");
                return now + 1;
            case Phase.Open when now - ReadDeadline(now) >= 0:
                BeginClose(CloseCodes.ReadTimeout, "read timeout");
                break;
            case Phase.Open when now - _nextPing >= 0:
                _nextPing = now + PingTicks;
                EnqueueControl(ControlFrames.Ping, static (outbox, _) => outbox.SetPing());
                break;
        }
        return NextVisit(now);
    }

    private int NextVisit(int now) => _phase switch
    {
        Phase.Open => Math.Min(Math.Min(_nextPing, ReadDeadline(now)), WriteDeadline ?? Never),
        Phase.Ended => Never,
        _ => _closeDeadline,
    };

    // While a handler is at work nothing is read, which is not the peer's silence.
    private int ReadDeadline(int now) => (_inHandler ? now : _lastSeen) + Heartbeat.Ticks(Options.ReadTimeout);

    private bool IsWriteOverdue(int now)
    {
        lock (Gate)
            return _outbox is { } outbox && now - outbox.WriteDeadline >= 0 && !outbox.HasProgress();
    }

    private int? WriteDeadline
    {
        get
        {
            lock (Gate)
                return _outbox?.WriteDeadline;
        }
    }
}
