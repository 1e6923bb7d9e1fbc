using System.Text;
using Realtime.Connections.Tests.Support;

namespace Realtime.Connections.Tests.Sending;

/// <summary>The send queue alone: bounds, eviction, conflation and the order of writes, without a socket.</summary>
public class SendQueueTests
{
    private readonly ConnectionOptions _options = new() { QueueMessages = 4, QueueBytes = 100_000, WriteBufferSize = 1024 };
    private readonly NumberedTopic _a = new("A"), _b = new("B"), _keyed = new("K", keys: true);
    private readonly SendQueue _queue;

    public SendQueueTests() => _queue = new(new SendOwner(_options));

    [Fact]
    public void What_waits_is_joined_up_to_the_size_of_a_write()
    {
        byte[]? buffer = null;
        for (int i = 0; i < 3; i++)
            Add(Frame.Text(new string((char)('a' + i), 498))); // 502 bytes each
        Assert.True(_queue.TryTakeWrite(ref buffer, out var next, out int control));
        Assert.Equal((1024, 0), (next.Length, control));
        Assert.Equal((byte)'c', next.Span[^1]);
        _queue.Written(1024);
        Assert.Equal((1, (3 * 502) - 1024), (_queue.Messages, _queue.Bytes));
        Assert.True(_queue.TryTakeWrite(ref buffer, out next, out _));
        Assert.Equal(_queue.Bytes, next.Length);
        _queue.Written(next.Length);
        Assert.False(_queue.TryTakeWrite(ref buffer, out _, out _));
        Assert.Equal((0, 0), (_queue.Messages, _queue.Bytes));
    }

    [Fact]
    public void It_is_full_at_either_bound_and_the_last_frame_may_go_over()
    {
        for (int i = 0; i < 4; i++)
        {
            Assert.True(_queue.HasSpace);
            Add(Frame.Text("x"));
        }
        Assert.False(_queue.HasSpace);
        Assert.Equal(1, _queue.DropOldest());
        Assert.True(_queue.HasSpace);
        _options.QueueMessages = 100;
        Add(Frame.Binary(new byte[200_000]));
        Assert.False(_queue.HasSpace);
    }

    [Fact]
    public void Control_frames_go_between_messages_and_never_inside_of_one()
    {
        byte[]? buffer = null;
        var frame = Frame.Text("half");
        _queue.Add(frame.Bytes, 1, written: 2); // the socket took a part
        _queue.SetPing();
        _queue.SetPong(ControlFrames.Pong("old"u8));
        _queue.SetPong(ControlFrames.Pong("new"u8));
        _queue.SetClose(ControlFrames.Close(CloseCodes.Normal, ""));
        Add(Frame.Text("after"));
        Assert.True(_queue.TryTakeWrite(ref buffer, out var next, out int control));
        Assert.Equal(0, control);
        byte[] whole = [.. frame.Bytes.AsSpan(0, 2), .. next.Span];
        Assert.Equal(["half", "after"], SendOwner.Words(whole));
        _queue.Written(next.Length);
        Assert.Equal(["pong new", "ping", "close"], SendOwner.WriteAll(_queue));
    }

    [Fact]
    public void A_full_queue_evicts_the_oldest_of_the_topic_that_wants_in_then_of_the_largest()
    {
        Add(_b.Of("e", 1, " "), _a.Of("e", 1, " "), Frame.Text("none"), _a.Of("e", 2, " "));
        Assert.Equal(1, AddEvicting(_a.Of("e", 3, " ")));
        Assert.Equal(1, AddEvicting(_a.Of("e", 4, " ")));
        Assert.Equal(4, _queue.Messages);
        var other = new NumberedTopic("C");
        Assert.Equal(1, AddEvicting(other.Of("e", 1, " ")));
        Assert.Equal(["B1", "A e:1-3", "none", "A4", "C1"], SendOwner.WriteAll(_queue));
    }

    [Fact]
    public void Gaps_of_a_topic_with_nothing_of_it_between_them_are_one()
    {
        Add(_a.Of("e", 1, " "), _a.Of("e", 2, " "), Frame.Text("none"), _a.Of("e", 3, " "));
        for (int i = 4; i <= 6; i++)
            Assert.Equal(1, AddEvicting(_a.Of("e", i, " ")));
        Assert.Equal(["A e:1-3", "none", "A4", "A5", "A6"], SendOwner.WriteAll(_queue));
    }

    [Fact]
    public void Messages_with_a_newer_one_of_their_key_go_before_the_oldest()
    {
        Add(_a.Of("e", 1, " "), _keyed.Of("e", 1, "ab"), _keyed.Of("e", 3, "b"));
        Assert.Equal(1, AddEvicting(_keyed.Of("e", 4, "c")));
        Assert.Equal(["A1", "K1", "K e:2-2", "K3", "K4"], SendOwner.WriteAll(_queue));
    }

    [Fact]
    public void A_message_of_no_topic_evicts_those_of_topics_and_then_finds_no_space()
    {
        int evicted = 0;
        Add(Frame.Text("1"), Frame.Text("2"), _a.Of("e", 1, " "), Frame.Text("3"));
        Assert.True(_queue.TryEvict(ref evicted));
        Add(Frame.Text("4"));
        Assert.False(_queue.TryEvict(ref evicted));
        Assert.Equal(1, evicted);
        Assert.Equal(1, _queue.DropOldest());
        Assert.Equal(["2", "A e:1-1", "3", "4"], SendOwner.WriteAll(_queue));
    }

    [Fact]
    public void What_is_being_written_is_neither_evicted_nor_dropped_nor_counted_against_a_topic()
    {
        byte[]? buffer = null;
        _options.WriteBufferSize = 64 * 1024;
        Add(_a.Of("e", 1, " "), _a.Of("e", 2, " "), _a.Of("e", 3, " "), _a.Of("e", 4, " "));
        Assert.True(_queue.TryTakeWrite(ref buffer, out var next, out _));
        for (int i = 5; i <= 8; i++)
            Assert.Equal(0, AddEvicting(_a.Of("e", i, " ")));
        Assert.Equal(1, AddEvicting(_a.Of("e", 9, " ")));
        Assert.Equal(["A1", "A2", "A3", "A4"], SendOwner.Words(next.Span));
        _queue.DropWaiting();
        Assert.Equal(4, _queue.Messages);
        _queue.Written(next.Length);
        Assert.Empty(SendOwner.WriteAll(_queue));
    }

    [Fact]
    public void The_newest_itself_is_evicted_when_nothing_else_can_be()
    {
        Add(Frame.Text("1"), Frame.Text("2"), Frame.Text("3"), Frame.Text("4"));
        Assert.Equal(1, AddEvicting(_a.Of("e", 1, " ")));
        Assert.Equal(["1", "2", "3", "4", "A e:1-1"], SendOwner.WriteAll(_queue));
    }

    private void Add(params ReadOnlySpan<Frame> frames)
    {
        foreach (var frame in frames)
            _queue.Add(frame.Bytes, frame.Messages, frame.PlaceToWait());
    }

    private int AddEvicting(Frame frame)
    {
        int evicted = 0;
        _queue.AddEvicting(frame.Bytes, frame.Messages, frame.PlaceToWait()!, ref evicted);
        return evicted;
    }
}
