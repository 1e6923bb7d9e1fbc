using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Utilities;

namespace Realtime.EmbeddedOrleans.Tests.Conformance;

public interface IListener : IGrainObserver
{
    Task<int> Hear(int number);

    [OneWay]
    Task Murmur(int number);

    void Whisper(string gate);

    [ResponseTimeout("00:00:00.500")]
    Task HearInTime();
}

public interface ISink<T> : IGrainObserver
{
    [ResponseTimeout("00:00:05")]
    Task<int> Push([Immutable] T[] items);
}

public interface ISpeakerGrain : IGrainWithStringKey
{
    Task<int> PushTo(ISink<Letter> sink, int count);

    Task<int> Speak(IListener listener, int number);

    Task SpeakMany(IListener listener, int count);

    Task<string> Whisper(IListener listener, string gate);

    Task<string> SpeakInTime(IListener listener);

    Task<string> SpeakById(GrainId listener);

    Task<bool> Remember(IListener listener);

    Task<string> TellRemembered();
}

public sealed class SpeakerGrain : Grain, ISpeakerGrain
{
    private IListener? _remembered;

    public Task<int> PushTo(ISink<Letter> sink, int count) => sink.Push([.. Enumerable.Range(0, count).Select(number => new Letter { Text = $"{number}" })]);

    public Task<int> Speak(IListener listener, int number) => listener.Hear(number);

    public async Task SpeakMany(IListener listener, int count) => await Task.WhenAll(Enumerable.Range(0, count).Select(listener.Hear));

    public Task<string> Whisper(IListener listener, string gate)
    {
        listener.Whisper(gate);
        return Task.FromResult(listener.GetGrainId().ToString());
    }

    public async Task<string> SpeakInTime(IListener listener)
    {
        try
        {
            await listener.HearInTime();
            return "heard";
        }
        catch (Exception error)
        {
            return error.GetType().Name;
        }
    }

    public async Task<string> SpeakById(GrainId listener)
    {
        await GrainFactory.GetGrain<IListener>(listener).HearInTime();
        return listener.ToString();
    }

    public Task<bool> Remember(IListener listener)
    {
        _remembered = listener;
        return Task.FromResult(true);
    }

    public Task<string> TellRemembered() => SpeakInTime(_remembered!);
}

/// <summary>Ordinary objects that grains call.</summary>
public sealed class ObserverTests(SharedCluster shared)
{
    private sealed class Listener : IListener
    {
        private int _inside;

        public List<int> Heard { get; } = [];

        public int MostAtOnce { get; private set; }

        public async Task<int> Hear(int number)
        {
            MostAtOnce = Math.Max(MostAtOnce, Interlocked.Increment(ref _inside));
            Heard.Add(number);
            await Task.Yield();
            Interlocked.Decrement(ref _inside);
            return number < 0 ? throw new ArgumentOutOfRangeException(nameof(number)) : number + 1;
        }

        public Task Murmur(int number) => Hear(number);

        public void Whisper(string gate) => Gates.Open(gate);

        public Task HearInTime() => Task.CompletedTask;
    }

    private sealed class Sink : ISink<Letter>
    {
        public List<Letter> Items { get; } = [];

        public Task<int> Push(Letter[] items)
        {
            Items.AddRange(items);
            return Task.FromResult(items.Length);
        }
    }

    [Fact]
    public async Task A_grain_calls_an_observer_and_hears_its_answer_and_its_errors()
    {
        var listener = new Listener();
        var reference = shared.Client.CreateObjectReference<IListener>(listener);
        var grain = shared.NewGrain<ISpeakerGrain>();
        Assert.Equal(6, await grain.Speak(reference, 5).Soon());
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => grain.Speak(reference, -1).Soon());
        var gate = Guid.NewGuid().ToString();
        await grain.Whisper(reference, gate).Soon();
        await Gates.Get(gate).Task.Soon();
        Assert.Equal([5, -1], listener.Heard);
        GC.KeepAlive(listener);
    }

    [Fact]
    public async Task Calls_of_one_observer_run_one_after_the_other()
    {
        var listener = new Listener();
        var reference = shared.Client.CreateObjectReference<IListener>(listener);
        await shared.NewGrain<ISpeakerGrain>().SpeakMany(reference, 100).Soon();
        Assert.Equal((1, 100), (listener.MostAtOnce, listener.Heard.Distinct().Count()));
        GC.KeepAlive(listener);
    }

    [Fact]
    public async Task An_observer_can_be_called_by_its_id()
    {
        var listener = new Listener();
        var reference = shared.Client.CreateObjectReference<IListener>(listener);
        var id = GrainId.Parse(reference.GetGrainId().ToString());
        Assert.Equal(id.ToString(), await shared.NewGrain<ISpeakerGrain>().SpeakById(id).Soon());
        GC.KeepAlive(listener);
    }

    [Fact]
    public async Task An_observers_interface_can_be_generic()
    {
        var sink = new Sink();
        var reference = shared.Client.CreateObjectReference<ISink<Letter>>(sink);
        Assert.Equal(3, await shared.NewGrain<ISpeakerGrain>().PushTo(reference, 3).Soon());
        Assert.Equal(["0", "1", "2"], sink.Items.Select(letter => letter.Text));
    }

    [Fact]
    public async Task A_deleted_observer_gives_no_answer()
    {
        var listener = new Listener();
        var reference = shared.Client.CreateObjectReference<IListener>(listener);
        var grain = shared.NewGrain<ISpeakerGrain>();
        Assert.Equal("heard", await grain.SpeakInTime(reference).Soon());
        shared.Client.DeleteObjectReference<IListener>(reference);
        Assert.Equal(nameof(TimeoutException), await grain.SpeakInTime(reference).Soon());
        GC.KeepAlive(listener);
    }

    [Fact]
    public async Task An_observer_is_held_weakly()
    {
        var grain = shared.NewGrain<ISpeakerGrain>();
        var (held, forgotten) = await Register(grain);
        for (var i = 0; i < 20 && forgotten.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(50);
        }

        Assert.False(forgotten.IsAlive);
        Assert.Equal(nameof(TimeoutException), await grain.TellRemembered().Soon());
        Assert.Equal("heard", await grain.SpeakInTime(held.Reference).Soon());
        GC.KeepAlive(held.Listener);
    }

    [Fact]
    public async Task A_manager_of_observers_tells_those_that_have_not_expired()
    {
        var manager = new ObserverManager<IListener>(TimeSpan.FromMinutes(1), NullLogger.Instance);
        var now = DateTime.UtcNow;
        manager.GetDateTime = () => now;
        var (one, other, gone) = (new Listener(), new Listener(), new Listener());
        var references = new[] { one, other, gone }.Select(shared.Client.CreateObjectReference<IListener>).ToArray();
        foreach (var reference in references)
            manager.Subscribe(reference, reference);
        now += TimeSpan.FromSeconds(50);
        manager.Subscribe(references[0], references[0]);
        manager.Unsubscribe(references[1]);
        Assert.Equal(2, manager.Count);
        await manager.Notify(listener => listener.Hear(1)).Soon();
        now += TimeSpan.FromSeconds(50);
        await manager.Notify(listener => listener.Hear(2)).Soon();
        Assert.Equal([1, 2], one.Heard);
        Assert.Empty(other.Heard);
        Assert.Equal([1], gone.Heard);
        Assert.Equal(1, manager.Count);
    }

    [Fact]
    public void What_is_no_observer_is_refused()
    {
        var listener = new Listener();
        var reference = shared.Client.CreateObjectReference<IListener>(listener);
        Assert.Throws<ArgumentException>(() => shared.Client.CreateObjectReference<IListener>(reference));
        shared.Client.DeleteObjectReference<IListener>(reference);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<((Listener Listener, IListener Reference) Held, WeakReference Forgotten)> Register(ISpeakerGrain grain)
    {
        var held = new Listener();
        var forgotten = NewForgotten(out var weak);
        await grain.Remember(forgotten).Soon();
        return ((held, shared.Client.CreateObjectReference<IListener>(held)), weak);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private IListener NewForgotten(out WeakReference weak)
    {
        var listener = new Listener();
        weak = new WeakReference(listener);
        return shared.Client.CreateObjectReference<IListener>(listener);
    }
}
