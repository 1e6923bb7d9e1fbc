using System.Collections;
using Orleans.Providers.Streams.Common;

namespace Realtime.PushStreams;

/// <summary>
/// What a push stream gives an <see cref="IAsyncBatchObserver{T}"/> is this too: the events alone, without an object around each.
/// </summary>
public interface IPushBatch<T>
{
    /// <summary>In order; not empty.</summary>
    ReadOnlySpan<T> Events { get; }
}

/// <summary>
/// Events with consecutive numbers, on their way from one producer's process to one subscriber. One object for one event: what
/// is pushed alone costs no more.
/// </summary>
/// <param name="first">The number of the first event; of the one that will come next, if there are none.</param>
/// <param name="size">How many events there will be, as far as is known.</param>
/// <param name="most">How many it takes.</param>
internal sealed class EventBatch<T>(long first, int size, int most) : IPushBatch<T>, IList<SequentialItem<T>>
{
    private T _one = default!; // in place of an array of one
    private T[]? _events = size > 1 ? new T[Math.Min(most, size)] : null;

    /// <summary>Events that have come from another process.</summary>
    public EventBatch(long first, T[] events) : this(first, 0, events.Length) => (_events, Count) = (events, events.Length);

    public long First => first;

    /// <summary>The number after the last event's.</summary>
    public long End => first + Count;

    public int Count { get; private set; }

    public bool IsFull => Count == most;

    /// <summary>How many more it takes.</summary>
    public int Free => most - Count;

    /// <summary>Of its events, where these tell it; otherwise 0.</summary>
    public long Bytes { get; set; }

    public ReadOnlySpan<T> Events => _events is null ? new ReadOnlySpan<T>(in _one)[..Count] : _events.AsSpan(0, Count);

    /// <summary>What tells its items' tokens from those of other batches. Set by the subscriber's end.</summary>
    public long Token { get; set; }

    bool ICollection<SequentialItem<T>>.IsReadOnly => true;

    public SequentialItem<T> this[int index]
    {
        get => new(Events[index], new EventSequenceTokenV2(Token, index));
        set => throw ReadOnly();
    }

    /// <summary>Adds as many as there is place for, and says how many.</summary>
    public int Add(ReadOnlySpan<T> events)
    {
        var count = Math.Min(events.Length, most - Count);
        if (_events is null && Count + count == 1)
        {
            _one = events[0];
        }
        else
        {
            if (_events is null || Count + count > _events.Length)
                Grow(Count + count);
            events[..count].CopyTo(_events.AsSpan(Count));
        }
        Count += count;
        return count;
    }

    /// <summary>The events of a number and after it.</summary>
    public EventBatch<T> From(long number) => new(number, Events[(int)(number - first)..].ToArray());

    public T[] ToArray() => _events?.Length == Count ? _events : Events.ToArray();

    public bool Contains(SequentialItem<T> item) => IndexOf(item) >= 0;

    // An item is made each time that it is asked for: so the event and the token count.
    public int IndexOf(SequentialItem<T> item)
    {
        for (var i = 0; i < Count; i++)
        {
            if (EqualityComparer<T>.Default.Equals(Events[i], item.Item) && this[i].Token.Equals(item.Token))
                return i;
        }
        return -1;
    }

    public void CopyTo(SequentialItem<T>[] array, int arrayIndex)
    {
        for (var i = 0; i < Count; i++)
            array[arrayIndex + i] = this[i];
    }

    public IEnumerator<SequentialItem<T>> GetEnumerator()
    {
        for (var i = 0; i < Count; i++)
            yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    void ICollection<SequentialItem<T>>.Add(SequentialItem<T> item) => throw ReadOnly();

    void ICollection<SequentialItem<T>>.Clear() => throw ReadOnly();

    bool ICollection<SequentialItem<T>>.Remove(SequentialItem<T> item) => throw ReadOnly();

    void IList<SequentialItem<T>>.Insert(int index, SequentialItem<T> item) => throw ReadOnly();

    void IList<SequentialItem<T>>.RemoveAt(int index) => throw ReadOnly();

    // In a few steps to its size, if it fills up.
    private void Grow(int count)
    {
        var events = new T[Math.Min(most, Math.Max(count, 2 * Count))];
        Events.CopyTo(events);
        _events = events;
    }

    private static NotSupportedException ReadOnly() => new("The events of a stream are given to every subscriber: their list cannot be changed.");
}
