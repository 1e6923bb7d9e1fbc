namespace Realtime.WebFront.Operation;

/// <summary>Notes what the process logs: warnings of this product, and errors of whatever runs in it.</summary>
[ProviderAlias("Recent")]
internal sealed class RecentLog(RecentErrors recent) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) =>
        new Category(recent, categoryName, categoryName.StartsWith("Realtime.", StringComparison.Ordinal) ? LogLevel.Warning : LogLevel.Error);

    public void Dispose()
    {
        // It holds nothing.
    }

    private sealed class Category(RecentErrors recent, string name, LogLevel least) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= least && logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
                return;
            var text = formatter(state, exception);
            recent.Logged($"{name}:{eventId.Id}", exception is null ? text : $"{text} {exception.GetType().Name}: {exception.Message}");
        }
    }
}
