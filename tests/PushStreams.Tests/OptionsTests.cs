using Microsoft.Extensions.Options;

namespace Realtime.PushStreams.Tests;

/// <summary>Settings out of their range stop the start with a word that names them.</summary>
public sealed class OptionsTests
{
    public static TheoryData<Action<PushStreamOptions>, string> Wrong => new()
    {
        { options => options.MaxPendingEvents = 0, "Push streams 'mine':MaxPendingEvents is 0; it must be from 1 to 1000000." },
        { options => options.MaxBatchEvents = 100_001, "Push streams 'mine':MaxBatchEvents is 100001; it must be from 1 to 100000." },
        { options => options.FullWait = TimeSpan.FromSeconds(-1), "Push streams 'mine':FullWait is -00:00:01; it must be from 00:00:00 to 00:01:00." },
        { options => options.DeliveryTimeout = TimeSpan.Zero, "Push streams 'mine':DeliveryTimeout is 00:00:00; it must be from 00:00:01 to 00:10:00." },
        { options => options.AnnouncePeriod = TimeSpan.FromMilliseconds(1), "Push streams 'mine':AnnouncePeriod is 00:00:00.0010000; it must be from 00:00:00.1 to 00:01:00." },
        { options => options.SubscriberTimeout = TimeSpan.FromHours(1), "Push streams 'mine':SubscriberTimeout is 01:00:00; it must be from 00:00:01 to 00:10:00." },
        { options => options.DrainTimeout = TimeSpan.FromHours(1), "Push streams 'mine':DrainTimeout is 01:00:00; it must be from 00:00:00 to 00:01:00." },
        { options => options.SubscriberTimeout = TimeSpan.FromSeconds(2), "Push streams 'mine':SubscriberTimeout is 00:00:02; it must be at least three times AnnouncePeriod, which is 00:00:01." },
    };

    [Theory, MemberData(nameof(Wrong), DisableDiscoveryEnumeration = true)]
    public async Task A_silo_with_a_setting_out_of_its_range_does_not_start(Action<PushStreamOptions> configure, string message)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.UseOrleans(silo => silo.UseLocalhostClustering().AddPushStreams("mine", configure).AddPushStreams("other"));
        using var host = builder.Build();
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync()).Soon();
        Assert.Equal(message, error.Message);
    }

    [Fact]
    public void A_name_can_have_its_settings_from_several_calls_but_only_one_kind_of_streams()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.UseOrleans(silo => silo.UseLocalhostClustering()
            .AddPushStreams("mine", options => options.MaxBatchEvents = 7).AddPushStreams("mine", options => options.MaxPendingEvents = 8)
            .AddMemoryStreams("others"));
        using var host = builder.Build();
        var options = host.Services.GetRequiredService<IOptionsMonitor<PushStreamOptions>>().Get("mine");
        Assert.Equal((7, 8), (options.MaxBatchEvents, options.MaxPendingEvents));
        var error = Assert.Throws<InvalidOperationException>(() => builder.UseOrleans(silo => silo.AddPushStreams("others")));
        Assert.Contains("'others'", error.Message);
    }
}
