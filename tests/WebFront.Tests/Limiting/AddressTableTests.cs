using System.Net;
using Microsoft.Extensions.Options;
using Realtime.Tests.Shared;
using Realtime.WebFront.Limiting;

namespace Realtime.WebFront.Tests.Limiting;

/// <summary>What counts as one address, and how long it is remembered.</summary>
public sealed class AddressTableTests
{
    [Theory]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:2::1", false)]
    [InlineData("::1", "192.0.2.1", false)]
    public void Of_IPv6_a_network_is_one_address(string one, string other, bool isOne) =>
        Assert.Equal(isOne, AddressKey.Of(IPAddress.Parse(one), true) == AddressKey.Of(IPAddress.Parse(other), true));

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.8.8.8")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    public void Loopback_is_none_unless_it_counts(string address)
    {
        Assert.Null(AddressKey.Of(IPAddress.Parse(address), loopbackCounts: false));
        Assert.NotNull(AddressKey.Of(IPAddress.Parse(address), loopbackCounts: true));
        Assert.Null(AddressKey.Of(null, loopbackCounts: true));
    }

    [Fact]
    public void An_address_is_forgotten_when_there_is_nothing_to_remember()
    {
        var time = new ManualTimeProvider();
        var table = new AddressTable(Options.Create(new LimitOptions { Handshakes = new() { Rate = 1, Burst = 20 } }), time);
        for (var i = 0; i < 100; i++)
            Assert.Null(table.Enter((UInt128)i));
        for (var i = 0; i < 50; i++)
            table.Leave((UInt128)i);
        Assert.Equal(100, table.Count); // each has connected once

        time.Advance(11);
        Assert.Null(table.Enter(99));
        Assert.Equal(50, table.Count); // those that have a connection
        time.Advance(11);
        for (var i = 50; i < 100; i++)
            table.Leave((UInt128)i);
        Assert.Equal(1, table.Count);
        table.Leave(99);
        Assert.Equal(0, table.Count);
        table.Leave(99); // what is not known is not counted down
        Assert.Null(table.Enter(99));
        Assert.Equal(1, table.Count);
    }
}
