using System.Collections;
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Orleans.Utilities;

/// <summary>Observers that must subscribe again before they expire, by their references.</summary>
public class ObserverManager<TObserver>(TimeSpan expiration, ILogger log) : ObserverManager<IAddressable, TObserver>(expiration, log);

/// <summary>Observers that must subscribe again before they expire.</summary>
public class ObserverManager<TIdentity, TObserver>(TimeSpan expiration, ILogger log) : IEnumerable<TObserver>
    where TIdentity : notnull
{
    private readonly ConcurrentDictionary<TIdentity, (TObserver Observer, DateTime LastSeen)> _observers = new();

    public TimeSpan ExpirationDuration { get; set; } = expiration;

    /// <summary>The clock, in UTC.</summary>
    public Func<DateTime> GetDateTime { get; set; } = static () => DateTime.UtcNow;

    public int Count => _observers.Count;

    public IReadOnlyDictionary<TIdentity, TObserver> Observers => _observers.ToDictionary(entry => entry.Key, entry => entry.Value.Observer);

    public void Subscribe(TIdentity id, TObserver observer) => _observers[id] = (observer, GetDateTime());

    public void Unsubscribe(TIdentity id) => _observers.TryRemove(id, out _);

    public void Clear() => _observers.Clear();

    public void ClearExpired()
    {
        var now = GetDateTime();
        foreach (var (id, entry) in _observers)
        {
            if (now > entry.LastSeen + ExpirationDuration)
                _observers.TryRemove(id, out _);
        }
    }

    /// <summary>Calls each in turn; one that fails is removed.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Logged: the other observers are told all the same.")]
    public async Task Notify(Func<TObserver, Task> notification, Func<TObserver, bool>? predicate = null)
    {
        ClearExpired();
        foreach (var (id, (observer, _)) in _observers)
        {
            if (predicate is not null && !predicate(observer))
                continue;
            try
            {
                await notification(observer);
            }
            catch (Exception error)
            {
                log.LogDebug(error, "Observer {Observer} failed and is removed.", id);
                _observers.TryRemove(id, out _);
            }
        }
    }

    /// <inheritdoc cref="Notify(Func{TObserver, Task}, Func{TObserver, bool}?)"/>
    [SuppressMessage("Design", "CA1031", Justification = "Logged: the other observers are told all the same.")]
    public void Notify(Action<TObserver> notification, Func<TObserver, bool>? predicate = null)
    {
        ClearExpired();
        foreach (var (id, (observer, _)) in _observers)
        {
            if (predicate is not null && !predicate(observer))
                continue;
            try
            {
                notification(observer);
            }
            catch (Exception error)
            {
                log.LogDebug(error, "Observer {Observer} failed and is removed.", id);
                _observers.TryRemove(id, out _);
            }
        }
    }

    public IEnumerator<TObserver> GetEnumerator() => _observers.Values.Select(entry => entry.Observer).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
