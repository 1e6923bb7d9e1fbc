using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Realtime.WebFront.Tests.Security;

/// <summary>Keeps every line that is logged.</summary>
[ProviderAlias("Capture")]
internal sealed class LogCapture : ILoggerProvider
{
    private readonly SemaphoreSlim _more = new(0);

    public ConcurrentQueue<string> Lines { get; } = new();

    /// <summary>Waits for a line, logged or to come.</summary>
    public async Task WaitAsync(Predicate<string> match, TimeSpan bound)
    {
        using var over = new CancellationTokenSource(bound);
        while (!Lines.Any(line => match(line)))
            await _more.WaitAsync(over.Token);
    }

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void Dispose()
    {
    }

    private sealed class Logger(LogCapture capture, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            capture.Lines.Enqueue($"{logLevel} {category}: {formatter(state, exception)} {exception}");
            capture._more.Release();
        }
    }
}
