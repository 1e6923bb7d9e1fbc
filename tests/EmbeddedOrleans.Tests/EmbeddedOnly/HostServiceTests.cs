using System.Diagnostics;

namespace Realtime.EmbeddedOrleans.Tests.EmbeddedOnly;

public interface IClockGrain : IGrainWithStringKey
{
    Task Start(TimeSpan period);

    Task<int> Ticks();

    Task<string?> Trace();
}

[KeepAlive]
public sealed class ClockGrain : Grain, IClockGrain
{
    private int _ticks;

    public Task Start(TimeSpan period)
    {
        this.RegisterGrainTimer(() => Task.FromResult(++_ticks), period, period);
        return Task.CompletedTask;
    }

    public Task<int> Ticks() => Task.FromResult(_ticks);

    public async Task<string?> Trace()
    {
        await Task.Yield();
        return Activity.Current?.TraceId.ToString();
    }
}

/// <summary>What a silo takes from its host: the clock, and the trace.</summary>
public sealed class HostServiceTests
{
    [Fact]
    public async Task Timers_follow_the_hosts_clock()
    {
        Engine.SkipUnlessEmbedded("Orleans' silos watch each other by the same clock.");
        var time = new ManualTimeProvider();
        using var host = await Start(services => services.AddSingleton<TimeProvider>(time), _ => { });
        var grain = host.Services.GetRequiredService<IGrainFactory>().GetGrain<IClockGrain>("one");
        await grain.Start(TimeSpan.FromHours(1)).Soon();
        Assert.Equal(0, await grain.Ticks().Soon());
        for (var hours = 1; hours <= 3; hours++)
        {
            time.Advance(TimeSpan.FromHours(1));
            await Wait.Until(async () => await grain.Ticks() == hours);
        }

        time.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(3, await grain.Ticks().Soon());
        await host.StopAsync().Soon();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Calls_carry_the_trace_when_they_are_asked_to(bool carry)
    {
        Engine.SkipUnlessEmbedded("Orleans carries it when somebody listens to its sources.");
        using var host = await Start(_ => { }, silo =>
        {
            if (carry)
                silo.AddActivityPropagation();
        });
        using var activity = new Activity("test").Start();
        var trace = await host.Services.GetRequiredService<IGrainFactory>().GetGrain<IClockGrain>("one").Trace().Soon();
        Assert.Equal(carry ? activity.TraceId.ToString() : null, trace);
        await host.StopAsync().Soon();
    }

    private static async Task<IHost> Start(Action<IServiceCollection> services, Action<ISiloBuilder> configure)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        services(builder.Services);
        builder.UseOrleans(configure);
        var host = builder.Build();
        await host.StartAsync().Soon();
        return host;
    }
}
