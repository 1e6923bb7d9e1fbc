using Microsoft.Extensions.Logging;

namespace Realtime.Chaos.Clusters;

/// <summary>Writes what the servers in this process warn of to a file, with times as in the histories.</summary>
internal sealed class ServerLog(string path, Func<TimeSpan> time) : ILoggerProvider
{
    private readonly StreamWriter _writer = new(path);

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void Line(string text)
    {
        lock (_writer)
        {
            _writer.WriteLine($"{time().TotalSeconds,8:0.000} {text}");
            _writer.Flush();
        }
    }

    public void Dispose()
    {
        lock (_writer)
            _writer.Dispose();
    }

    private sealed class Logger(ServerLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                log.Line($"{logLevel} {category}: {formatter(state, exception)}{(exception is null ? "" : $" | {exception.GetType().Name}: {exception.Message}")}");
        }
    }
}

internal static class ServerLogExtensions
{
    /// <summary>Sends the log there, or nowhere: the table is what is to be read.</summary>
    public static void To(this ILoggingBuilder logging, ILoggerProvider? log)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(LogLevel.Warning);
        if (log is not null)
            logging.AddProvider(log);
    }
}
