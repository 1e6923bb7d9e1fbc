using System.Text;
using System.Text.Json;
using Realtime.Client.Connecting;
using Realtime.Client.Protocol;
using Realtime.Client.Queues;

namespace Realtime.Client.State;

/// <summary>What arrives.</summary>
internal sealed partial class Session
{
    /// <summary>What a log tells of a frame.</summary>
    private const int MaxLogged = 200;

    private RawQueue? _raw;

    /// <summary>Texts that come again and again.</summary>
    public TextCache Texts { get; } = new();

    /// <summary>Unwrapped frames that this connection has brought.</summary>
    public long RawCount { get; private set; }

    /// <summary>Frames in an application's own format, from now on.</summary>
    public RawQueue Raw
    {
        get
        {
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_isDisposed, typeof(RealtimeClient));
                return _raw ??= new(Options.ReceiveMessages, Options.ReceiveBytes);
            }
        }
    }

    public void Received(SocketConnection connection, bool isText, ReadOnlySpan<byte> bytes)
    {
        var frame = isText ? ServerFrame.Read(bytes) : default;
        lock (_gate)
        {
            if (_connection != connection)
                return;
            try
            {
                if (frame.Type == FrameType.Raw)
                    RawArrived(isText, bytes);
                else if (frame.Type == FrameType.Broken)
                    Log.Broken(Logger, Start(bytes));
                else
                    Arrived(connection, in frame, bytes);
            }
            catch (Exception exception) when (exception is InvalidOperationException or JsonException)
            {
                Log.Broken(Logger, Start(bytes)); // a text that is no Unicode
            }
        }
    }

    private static string Start(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes[..Math.Min(bytes.Length, MaxLogged)]);

    private void Arrived(SocketConnection connection, scoped in ServerFrame frame, ReadOnlySpan<byte> bytes)
    {
        switch (frame.Type)
        {
            case FrameType.Message when !frame.Room.IsPresent:
                Direct(in frame, bytes.Length);
                break;
            case FrameType.Message or FrameType.Excluded or FrameType.Join or FrameType.Leave or FrameType.Update or FrameType.Presence or FrameType.State:
            case FrameType.Members when !frame.Id.IsPresent:
                RoomOf(in frame)?.Arrived(in frame, bytes);
                break;
            case FrameType.Ack:
                Acknowledged(in frame);
                break;
            case FrameType.Joined:
                TakeRequest(frame.Id.Decode())?.Answer(in frame);
                if (frame.By.Is("server"u8))
                    PutIn(Texts.Get(frame.Room));
                RoomOf(in frame)?.Arrived(in frame, bytes);
                break;
            case FrameType.Inbox:
                TakeRequest(frame.Id.Decode())?.Answer(in frame);
                _inbox?.Answered(in frame);
                break;
            case FrameType.Dropped:
                Dropped(in frame, bytes);
                break;
            case FrameType.Left when frame.By.Is("server"u8):
                RoomOf(in frame)?.Removed();
                break;
            case FrameType.Error:
                Failed(in frame);
                break;
            case FrameType.Call:
                Calls.Called(connection, in frame);
                break;
            default: // left, members, updated, history, refreshed, result, pong
                TakeRequest(frame.Id.Decode())?.Answer(in frame);
                break;
        }
    }

    private RoomState? RoomOf(scoped in ServerFrame frame) => _rooms.GetValueOrDefault(Texts.Get(frame.Room));

    private void Acknowledged(scoped in ServerFrame frame)
    {
        if (_outbox.Find(in frame) is not { } item)
        {
            TakeRequest(frame.Id.Decode())?.Answer(in frame); // an ephemeral message
            return;
        }
        var position = frame.Sequence >= 0 ? new Position(Texts.Get(frame.Epoch), frame.Sequence) : (Position?)null;
        if (item.Room is { } name && _rooms.TryGetValue(name, out var room))
        {
            room.Acknowledged();
            if (item is { IsSilent: true, Change: { } change } && position is { } kept)
                room.OwnChanged(change, kept);
            if (item.IsSilent && position is { } place)
                room.OwnKept(place);
        }
        TakeOut(item);
        item.Answer(new DirectReceipt((int)Math.Min(frame.Connections, int.MaxValue), position));
    }

    private void Failed(scoped in ServerFrame frame)
    {
        var code = frame.Code.Decode()!;
        var error = new RealtimeException(code, frame.Content.Decode() ?? code)
        {
            Room = frame.Room.Decode(),
            RetryAfter = frame.RetryAfter > 0 ? TimeSpan.FromMilliseconds(Math.Min(frame.RetryAfter, int.MaxValue)) : null,
        };
        if (_outbox.Find(in frame) is { } item)
        {
            if (item.Room is { } name && RealtimeErrorCodes.Passes(code))
            {
                item.IsSent = false;
                _rooms.GetValueOrDefault(name)?.PublishLater(error.RetryAfter);
            }
            else if (TakeOut(item))
            {
                item.Fail(error);
            }
        }
        else if (TakeRequest(frame.Id.Decode()) is { } request)
        {
            request.Fail(error);
        }
        else
        {
            Log.Unasked(Logger, code, error.Message);
        }
    }

    private void Direct(scoped in ServerFrame frame, int bytes)
    {
        var place = frame.Sequence >= 0 ? new Position(Texts.Get(frame.Epoch), frame.Sequence) : (Position?)null;
        if (place is { } known && _inbox?.IsNext(known) == false)
            return;
        TellDirect(new DirectMessage
        {
            To = frame.To.IsPresent ? Texts.Get(frame.To) : null,
            From = frame.From.IsPresent ? Texts.Get(frame.From) : null,
            IsService = frame.IsService,
            Content = frame.Content.Decode(),
            Data = new(frame.Data.ToArray()),
            Position = place,
            Timestamp = Pages.Time(frame.Timestamp),
        }, bytes);
    }

    private void Dropped(scoped in ServerFrame frame, ReadOnlySpan<byte> bytes)
    {
        if (frame.IsInbox)
            _inbox?.Dropped(in frame);
        else if (frame.IsDirect)
            TellDirect(new DirectMissed { Sender = frame.Sender.Decode(), IsService = frame.IsService, Reason = MissedReason.SlowConnection }, 64);
        else
            RoomOf(in frame)?.Arrived(in frame, bytes);
    }

    public void TellDirect(DirectEvent its, int bytes)
    {
        if (Directs.Add(its, bytes) && Directs.WasRead)
            Log.SlowConsumer(Logger, "direct messages");
    }

    private void RawArrived(bool isText, ReadOnlySpan<byte> bytes)
    {
        RawCount++;
        _raw?.Add(new(isText, bytes.ToArray()), bytes.Length);
    }
}
