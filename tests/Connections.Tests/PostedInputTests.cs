namespace Realtime.Connections.Tests;

/// <summary>What a peer without a WebSocket posts: in order, each once, and no more than is read.</summary>
public sealed class PostedInputTests
{
    [Fact]
    public async Task Posts_are_taken_in_turn_once_and_within_a_bound()
    {
        var input = new PostedInput();
        input.Begin("first"u8);
        Assert.Equal(PostOutcome.Missing, input.Post(2, [[1]]));
        Assert.Equal(PostOutcome.Taken, input.Post(1, [[1], new byte[64 * 1024]]));
        Assert.Equal((PostOutcome.Repeated, PostOutcome.Full), (input.Post(1, [[1]]), input.Post(2, [[2]])));
        var read = await input.Reader.ReadAsync();
        Assert.InRange(read.Buffer.Length, 64 * 1024, 65 * 1024);
        input.Reader.AdvanceTo(read.Buffer.End);
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        PostOutcome outcome;
        while ((outcome = input.Post(2, [[2]])) == PostOutcome.Full)
            await Task.Delay(1, bound.Token); // the pipe tells it on another thread
        Assert.Equal((PostOutcome.Taken, PostOutcome.Repeated), (outcome, input.Post(2, [[2]])));
        input.End();
        input.End();
        Assert.Equal(PostOutcome.Ended, input.Post(3, [[3]]));
        read = await input.Reader.ReadAsync();
        Assert.True(read.IsCompleted);
        Assert.Equal([0x81, 0x81, 0, 0, 0, 0, 2], read.Buffer.FirstSpan.ToArray()); // a text of one byte, masked with nothing
    }
}
