namespace Realtime.Silo.Redis;

/// <summary>Redis cannot be used: its address and the reason, in one line and never with a password.</summary>
internal sealed class RedisUnavailableException(string message) : Exception(message)
{
    /// <summary>The one that led to an exception; null when none did.</summary>
    public static RedisUnavailableException? Find(Exception? exception) => exception switch
    {
        null => null,
        RedisUnavailableException found => found,
        AggregateException aggregate => aggregate.InnerExceptions.Select(Find).FirstOrDefault(found => found is not null),
        _ => Find(exception.InnerException),
    };
}
