using System.Runtime.CompilerServices;

namespace Realtime.PushStreams.Tests;

/// <summary>What push streams rely on Orleans for: observers that are called one call after the other, by their id, as long as somebody holds them.</summary>
public sealed class ObserverTests(SharedCluster shared)
{
    [Fact]
    public async Task Calls_of_one_observer_run_one_after_the_other_also_by_its_id()
    {
        var listener = new Listener();
        var id = GrainId.Parse(shared.Cluster.Client.CreateObjectReference<IListener>(listener).GetGrainId().ToString());
        await NewSpeaker().Speak(id, 100).WaitAsync(Wait.Longest);
        Assert.Equal((1, 100), (listener.MostAtOnce, listener.Heard.Distinct().Count()));
        GC.KeepAlive(listener);
    }

    [Fact]
    public async Task An_observer_is_held_weakly_and_gives_no_answer_when_it_is_gone()
    {
        var id = Forgotten(out var weak);
        for (var i = 0; i < 100 && weak.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(50);
        }

        Assert.False(weak.IsAlive);
        await Assert.ThrowsAsync<TimeoutException>(() => NewSpeaker().Speak(id, 1).WaitAsync(Wait.Longest));
    }

    private ISpeakerGrain NewSpeaker() => shared.Cluster.Client.GetGrain<ISpeakerGrain>(Guid.NewGuid().ToString("N"));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private GrainId Forgotten(out WeakReference weak)
    {
        var listener = new Listener();
        weak = new WeakReference(listener);
        return shared.Cluster.Client.CreateObjectReference<IListener>(listener).GetGrainId();
    }

    public interface IListener : IGrainObserver
    {
        [ResponseTimeout("00:00:01")]
        Task Hear(int number);
    }

    public interface ISpeakerGrain : IGrainWithStringKey
    {
        /// <summary>Calls the listener so many times at once.</summary>
        Task Speak(GrainId listener, int count);
    }

    public sealed class SpeakerGrain : Grain, ISpeakerGrain
    {
        public Task Speak(GrainId listener, int count) =>
            Task.WhenAll(Enumerable.Range(0, count).Select(GrainFactory.GetGrain<IListener>(listener).Hear));
    }

    private sealed class Listener : IListener
    {
        private int _inside;

        public List<int> Heard { get; } = [];

        public int MostAtOnce { get; private set; }

        public async Task Hear(int number)
        {
            MostAtOnce = Math.Max(MostAtOnce, Interlocked.Increment(ref _inside));
            Heard.Add(number);
            await Task.Yield();
            Interlocked.Decrement(ref _inside);
        }
    }
}
