using Realtime.Settings;
using Realtime.Silo.Fronts;

namespace Realtime.Silo.Tests;

/// <summary>The rules of leases.</summary>
public sealed class LeaseTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void A_lease_holds_for_its_length_after_each_renewal()
    {
        var leases = new Leases(TimeSpan.FromSeconds(6), _time);
        Assert.False(leases.Renew("b"));
        _time.Advance(TimeSpan.FromSeconds(4));
        Assert.False(leases.Renew("a"));
        Assert.True(leases.Renew("b"));
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(["a", "b"], leases.Alive());
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.False(leases.IsAlive("a"));
        Assert.Empty(leases.Alive());
        Assert.False(leases.Renew("a")); // it has been away
    }

    [Fact]
    public void An_ended_lease_is_over_at_once()
    {
        var leases = new Leases(TimeSpan.FromSeconds(6), _time);
        leases.Renew("a");
        leases.End("a");
        Assert.False(leases.IsAlive("a"));
        leases.End("a"); // again, or never there: nothing
    }

    [Theory]
    [InlineData(1.9, 1.5, "Leases:FrontLease is 00:00:01.9000000; it must be from 00:00:02 to 00:05:00.")]
    [InlineData(301, 1.5, "Leases:FrontLease is 00:05:01; it must be from 00:00:02 to 00:05:00.")]
    [InlineData(6, 0.9, "Leases:SiloLease is 00:00:00.9000000; it must be from 00:00:01 to 00:05:00.")]
    [InlineData(6, 301, "Leases:SiloLease is 00:05:01; it must be from 00:00:01 to 00:05:00.")]
    public void A_lease_out_of_its_range_is_named(double front, double silo, string problem)
    {
        var options = new LeaseOptions { FrontLease = TimeSpan.FromSeconds(front), SiloLease = TimeSpan.FromSeconds(silo) };
        Assert.Equal([problem], SettingsCheck.Problems("Leases", options));
    }

    [Fact]
    public void The_default_leases_are_in_their_ranges() => Assert.Empty(SettingsCheck.Problems("Leases", new LeaseOptions()));
}
