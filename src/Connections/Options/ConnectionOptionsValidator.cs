using Microsoft.Extensions.Options;

namespace Realtime.Connections;

/// <summary>Names every setting that is out of range, its value and the range.</summary>
internal sealed class ConnectionOptionsValidator : IValidateOptions<ConnectionOptions>
{
    private const int Mebibyte = 1024 * 1024, Gibibyte = 1024 * Mebibyte;
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1), TenMinutes = TimeSpan.FromMinutes(10), Hour = TimeSpan.FromHours(1), Day = TimeSpan.FromDays(1);

    public ValidateOptionsResult Validate(string? name, ConnectionOptions options)
    {
        var errors = new List<string>();
        Number(nameof(options.ReadBufferSize), options.ReadBufferSize, 256, Mebibyte);
        Number(nameof(options.WriteBufferSize), options.WriteBufferSize, 1024, Mebibyte);
        Number(nameof(options.MaxMessageSize), options.MaxMessageSize, 1, Gibibyte);
        Number(nameof(options.QueueMessages), options.QueueMessages, 1, 1_000_000);
        Number(nameof(options.QueueBytes), options.QueueBytes, 1024, Gibibyte);
        Number(nameof(options.ReceiveQueue), options.ReceiveQueue, 1, 100_000);
        Number(nameof(options.ReceiveQueueBytes), options.ReceiveQueueBytes, 1024, Gibibyte);
        Time(nameof(options.HandshakeTimeout), options.HandshakeTimeout, Hour);
        Time(nameof(options.ReadTimeout), options.ReadTimeout, Day);
        Time(nameof(options.WriteTimeout), options.WriteTimeout, Day);
        Time(nameof(options.CloseTimeout), options.CloseTimeout, Hour);
        if (options.DrainTime < TimeSpan.Zero || options.DrainTime > TenMinutes)
            Error(nameof(options.DrainTime), options.DrainTime, $"allowed are {TimeSpan.Zero} to {TenMinutes}");
        if (options.PingInterval != TimeSpan.Zero)
        {
            Time(nameof(options.PingInterval), options.PingInterval, Day);
            if (options.PingInterval >= options.ReadTimeout)
                Error(nameof(options.PingInterval), options.PingInterval, $"it must be shorter than {nameof(options.ReadTimeout)} ({options.ReadTimeout}), so that a pong can come in time");
        }
        if (!Enum.IsDefined(options.SlowConsumer))
            Error(nameof(options.SlowConsumer), options.SlowConsumer, $"allowed are {string.Join(", ", Enum.GetNames<SlowConsumerPolicy>())}");
        foreach (var origin in options.AllowedOrigins)
            if (!Origin.TryParse(origin, out _))
                Error(nameof(options.AllowedOrigins), origin, "an origin is a scheme, a host and, if it is not the default one, a port: https://example.com");
        foreach (var subprotocol in options.Subprotocols)
            if (!HeaderText.IsToken(subprotocol))
                Error(nameof(options.Subprotocols), subprotocol, "a subprotocol is a token (RFC 6455 section 4.1): letters, digits and !#$%&'*+-.^_`|~");
        foreach (var (header, value) in options.ResponseHeaders)
            if (!HeaderText.IsToken(header) || !HeaderText.IsValue(value))
                Error(nameof(options.ResponseHeaders), $"{header}: {value}", "a header's name is a token and its value has no control characters");
        return errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(errors);

        void Number(string setting, int value, int min, int max)
        {
            if (value < min || value > max)
                Error(setting, value, $"allowed are {min} to {max}");
        }

        void Time(string setting, TimeSpan value, TimeSpan max)
        {
            if (value < Second || value > max)
                Error(setting, value, $"allowed are {Second} to {max}");
        }

        void Error(string setting, object value, string allowed) =>
            errors.Add($"{ConnectionOptions.Section}:{setting} is '{value}'; {allowed}.");
    }
}
