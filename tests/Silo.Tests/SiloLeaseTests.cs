using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Grains;

namespace Realtime.Silo.Tests;

/// <summary>What a silo does when the renewal of its lease fails.</summary>
public sealed class SiloLeaseTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)] // and the log, too, fails to tell it
    public async Task A_renewal_that_fails_in_any_way_is_made_again(bool logFails)
    {
        var failures = new Queue<Exception>([new TaskCanceledException("lost"), new OperationCanceledException(), new TimeoutException(), new InvalidOperationException("a defect")]);
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddRealtime();
            if (logFails)
                silo.Services.AddLogging(logging => logging.AddProvider(new BrokenLog()));
            silo.AddOutgoingGrainCallFilter(call =>
            {
                lock (failures)
                {
                    if (call.InterfaceMethod?.Name == nameof(IFrontDirectoryGrain.RenewSilo) && failures.TryDequeue(out var failure))
                        throw failure;
                }
                return call.Invoke();
            });
        });
        builder.ConfigureClient(client => client.AddRealtimeClient());
        await using var cluster = builder.Build();
        await cluster.DeployAsync();
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while ((await cluster.Client.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key).Silos()).Length == 0)
        {
            bound.Token.ThrowIfCancellationRequested();
            await Task.Delay(50);
        }
        Assert.Empty(failures);
    }

    /// <summary>Throws for all that the product's classes say.</summary>
    private sealed class BrokenLog : ILoggerProvider, ILogger
    {
        private readonly string _category;

        public BrokenLog(string category = "") => _category = category;

        public ILogger CreateLogger(string categoryName) => new BrokenLog(categoryName);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (_category.StartsWith("Realtime.Silo", StringComparison.Ordinal))
                throw new IOException("no space left");
        }

        public void Dispose()
        {
        }
    }
}
