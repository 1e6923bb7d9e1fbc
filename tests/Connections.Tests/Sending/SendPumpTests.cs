using Realtime.Connections.Tests.Support;

namespace Realtime.Connections.Tests.Sending;

/// <summary>The pump of a send queue: one write after the other, and who is told of what.</summary>
public class SendPumpTests
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(30);

    private readonly SendOwner _owner = new(new() { QueueMessages = 1 });
    private readonly SendPump _pump;

    public SendPumpTests() => _pump = new(_owner);

    [Fact]
    public async Task It_writes_what_came_meanwhile_together_and_ends_when_nothing_waits()
    {
        Add("first");
        _pump.Start();
        var (bytes, done) = await _owner.NextWriteAsync();
        Assert.Equal(_owner.Deadlines, _pump.WriteDeadline);
        Assert.Equal(["first"], SendOwner.Words(bytes));
        Task space, drained;
        lock (_owner.OutputLock)
        {
            (space, drained) = (_pump.Space, _pump.Drained);
            Add("second");
            Add("third");
        }
        done.SetResult();
        (bytes, done) = await _owner.NextWriteAsync();
        Assert.Equal(["second", "third"], SendOwner.Words(bytes));
        Assert.False(space.IsCompleted);
        Assert.False(drained.IsCompleted);
        done.SetResult();
        await Task.WhenAll(space, drained).WaitAsync(s_bound);
        Assert.Same(_pump, _owner.DrainedPump);
        Assert.False(_owner.HasFailed);
    }

    [Fact]
    public async Task A_write_that_fails_ends_it_and_whoever_waits()
    {
        Add("first");
        Add("second");
        Task space, drained;
        lock (_owner.OutputLock)
            (space, drained) = (_pump.Space, _pump.Drained);
        _pump.Start();
        var (_, done) = await _owner.NextWriteAsync();
        done.SetException(new IOException("The peer is gone."));
        await Task.WhenAll(space, drained).WaitAsync(s_bound);
        Assert.Same(_pump, _owner.DrainedPump);
        Assert.True(_owner.HasFailed);
    }

    [Fact]
    public async Task A_peer_that_takes_something_of_a_write_has_as_long_again()
    {
        Add("first");
        _owner.Acknowledged = 10;
        _pump.Start();
        var (_, done) = await _owner.NextWriteAsync();
        int deadline = _pump.WriteDeadline;
        Assert.False(_pump.HasProgress());
        _owner.Acknowledged = 11;
        Assert.True(_pump.HasProgress());
        Assert.Equal(deadline + 1, _pump.WriteDeadline);
        Assert.False(_pump.HasProgress());
        _owner.Acknowledged = null; // nobody knows any more
        Assert.False(_pump.HasProgress());
        done.SetResult();
    }

    private void Add(string text)
    {
        var frame = Frame.Text(text);
        _pump.Queue.Add(frame.Bytes, frame.Messages);
    }
}
