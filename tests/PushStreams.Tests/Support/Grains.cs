namespace Realtime.PushStreams.Tests.Support;

/// <summary>Produces on whatever silo it is; its key is its name.</summary>
public interface IProducerGrain : IGrainWithStringKey
{
    /// <summary>Awaits each event, so its end means that all are taken.</summary>
    Task Produce(string provider, StreamId stream, int from, int count);

    /// <summary>The message of the error that a grain gets when it subscribes.</summary>
    Task<string> Subscribe(string provider, StreamId stream);
}

[RandomPlacement]
internal sealed class ProducerGrain : Grain, IProducerGrain
{
    public async Task Produce(string provider, StreamId stream, int from, int count)
    {
        var events = this.GetStreamProvider(provider).GetStream<Item>(stream);
        for (var i = 0; i < count; i++)
            await events.OnNextAsync(new Item(this.GetPrimaryKeyString(), from + i));
    }

    public async Task<string> Subscribe(string provider, StreamId stream)
    {
        var error = await Assert.ThrowsAsync<NotSupportedException>(
            () => this.GetStreamProvider(provider).GetStream<Item>(stream).SubscribeAsync(new OneByOne()));
        return error.Message;
    }
}
