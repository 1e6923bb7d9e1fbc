using System.Collections.Concurrent;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Grains;

namespace Realtime.Silo.Tests;

/// <summary>What a healthy silo says of its calls.</summary>
public sealed class LogFilterTests
{
    [Theory]
    [InlineData(null, false)]
    [InlineData("Information", true)]
    public async Task Grains_are_placed_without_a_word_unless_the_configuration_asks_for_it(string? level, bool isTold)
    {
        var lines = new Lines();
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureHost(host =>
        {
            host.Configuration.AddInMemoryCollection([new("Logging:LogLevel:Default", "Information"), new("Logging:LogLevel:Polly", level)]);
            host.Logging.AddConfiguration(host.Configuration.GetSection("Logging"));
        });
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddRealtime();
            silo.Services.AddLogging(logging => logging.AddProvider(lines));
        });
        builder.ConfigureClient(client => client.AddRealtimeClient());
        await using var cluster = builder.Build();
        await cluster.DeployAsync();
        for (var i = 0; i < 20; i++)
            await cluster.Client.GetGrain<IRoomGrain>($"room{i}").Broadcast(new RoomMessage { Content = "hi" });
        Assert.Equal(isTold, lines.Categories.Contains("Polly"));
    }

    /// <summary>Keeps who said something.</summary>
    private sealed class Lines : ILoggerProvider
    {
        public ConcurrentBag<string> Categories { get; } = [];

        public ILogger CreateLogger(string categoryName) => new Line(this, categoryName);

        public void Dispose()
        {
        }

        private sealed class Line(Lines lines, string category) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
                lines.Categories.Add(category);
        }
    }
}
