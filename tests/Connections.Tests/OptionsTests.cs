using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

public class OptionsTests
{
    [Theory]
    [InlineData("ReadBufferSize", "255", "256 to 1048576")]
    [InlineData("WriteBufferSize", "1048577", "1024 to 1048576")]
    [InlineData("MaxMessageSize", "0", "1 to 1073741824")]
    [InlineData("QueueMessages", "0", "1 to 1000000")]
    [InlineData("QueueBytes", "1023", "1024 to 1073741824")]
    [InlineData("ReceiveQueue", "-1", "1 to 100000")]
    [InlineData("ReceiveQueueBytes", "1023", "1024 to 1073741824")]
    [InlineData("HandshakeTimeout", "00:00:00", "00:00:01 to 01:00:00")]
    [InlineData("ReadTimeout", "00:00:00.5000000", "00:00:01 to 1.00:00:00")]
    [InlineData("WriteTimeout", "-00:00:01", "00:00:01 to 1.00:00:00")]
    [InlineData("CloseTimeout", "02:00:00", "00:00:01 to 01:00:00")]
    [InlineData("DrainTime", "-00:00:01", "00:00:00 to 00:10:00")]
    [InlineData("DrainTime", "00:10:01", "00:00:00 to 00:10:00")]
    [InlineData("PingInterval", "00:01:00", "shorter than ReadTimeout (00:01:00)")]
    [InlineData("PingInterval", "-00:00:01", "00:00:00 to 1.00:00:00")]
    [InlineData("SlowConsumer", "7", "Disconnect or DropOldest")]
    [InlineData("AllowedOrigins:0", "example.com", "https://example.com")]
    [InlineData("AllowedOrigins:0", "https://example.com/path", "https://example.com")]
    [InlineData("Subprotocols:0", "two words", "token")]
    [InlineData("ResponseHeaders:Bad Name", "x", "token")]
    public async Task A_value_out_of_range_is_named_at_the_start(string setting, string value, string allowed)
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => Server.StartAsync(Path.Polled, _ => { }, build: builder =>
            builder.Configuration.AddInMemoryCollection([new($"Connections:{setting}", value)])));
        string name = setting.Split(':')[0];
        Assert.Contains($"Connections:{name}", error.Message);
        Assert.Contains(value, error.Message);
        Assert.Contains(allowed, error.Message);
    }

    [Fact]
    public async Task All_errors_are_named_at_once()
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => Server.StartAsync(Path.Polled, _ => { }, options =>
        {
            options.QueueMessages = 0;
            options.QueueBytes = 0;
        }));
        Assert.Equal(2, error.Failures.Count());
    }

    [Fact]
    public async Task Configuration_then_code_then_endpoint()
    {
        var recorder = new Recorder();
        await using var server = await Server.StartAsync(Path.Polled, app => app.MapConnections<Recorder>("/ws", options => options.CloseTimeout = TimeSpan.FromSeconds(3)),
            options => options.QueueMessages = 20,
            builder =>
            {
                builder.AddHandler(recorder);
                builder.Configuration.AddInMemoryCollection(
                [
                    new("Connections:QueueMessages", "10"), new("Connections:QueueBytes", "5000"), new("Connections:CloseTimeout", "00:00:02"),
                    new("Connections:Subprotocols:0", "a"), new("Connections:SlowConsumer", "DropOldest"), new("Connections:ResponseHeaders:X-Test", "1"),
                ]);
            });
        var options = server.Services.GetRequiredService<IOptions<ConnectionOptions>>().Value;
        Assert.Equal(20, options.QueueMessages);
        Assert.Equal(5000, options.QueueBytes);
        Assert.Equal(TimeSpan.FromSeconds(2), options.CloseTimeout); // the endpoint changed only its own
        Assert.Equal(["a"], options.Subprotocols);
        Assert.Equal(SlowConsumerPolicy.DropOldest, options.SlowConsumer);
        using var client = await server.ConnectRawAsync(headers: "Sec-WebSocket-Protocol: a\r\n");
        Assert.Contains("X-Test: 1\r\n", client.Response);
    }

    [Fact]
    public void The_defaults_are_those_that_are_documented()
    {
        var options = new ConnectionOptions();
        Assert.Equal(1024 * 1024, options.MaxMessageSize);
        Assert.Equal(TimeSpan.FromSeconds(60), options.ReadTimeout);
        Assert.Equal(TimeSpan.FromSeconds(10), options.WriteTimeout);
        Assert.Equal(TimeSpan.FromSeconds(54), options.PingInterval);
        Assert.Equal((256, 1024 * 1024), (options.QueueMessages, options.QueueBytes));
        Assert.False(options.EnableCompression);
    }

    [Fact]
    public async Task An_endpoint_with_a_bad_option_is_refused_when_it_is_mapped()
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => Server.StartAsync(Path.Polled, app =>
            app.MapConnections("/ws", Server.Echo, options => options.QueueMessages = -5)));
        Assert.Contains("Connections:QueueMessages is -5; it must be from 1 to 1000000.", error.Message);
    }

    [Fact]
    public async Task Mapping_without_the_services_says_what_is_missing()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrel();
        await using var app = builder.Build();
        var error = Assert.Throws<InvalidOperationException>(() => app.MapConnections("/ws", Server.Echo));
        Assert.Contains("AddRealtimeConnections", error.Message);
    }
}
