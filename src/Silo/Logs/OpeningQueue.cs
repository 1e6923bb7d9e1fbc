namespace Realtime.Silo.Logs;

/// <summary>
/// Logs are opened a few at once; the others wait, each user's in turn. So one who joins very many rooms waits for himself, and a user
/// who joins one is next.
/// </summary>
/// <param name="slots">How many are opened at once.</param>
/// <param name="time">For how long each waits.</param>
internal sealed class OpeningQueue(int slots, TimeProvider time)
{
    /// <summary>What waits for one user; more than the rooms of any connection. Services, which have no user, have no such bound.</summary>
    public const int MostOfUser = 256;

    /// <summary>What waits all in all.</summary>
    public const int Most = 10_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Queue<TaskCompletionSource<bool>>> _waiting = [];
    private readonly Queue<string> _turns = new(); // each user who waits, once
    private int _free = slots;
    private int _count;

    /// <summary>Waits for a slot; false when none was free in time, or too many wait. A slot is to be given back by <see cref="Release"/>.</summary>
    public async ValueTask<bool> Wait(string user, TimeSpan bound)
    {
        TaskCompletionSource<bool> waiter;
        lock (_gate)
        {
            if (_free > 0)
            {
                _free--;
                return true;
            }
            if (!_waiting.TryGetValue(user, out var own))
                own = [];
            if (_count >= Most || (user.Length > 0 && own.Count >= MostOfUser))
                return false;
            waiter = new(TaskCreationOptions.RunContinuationsAsynchronously);
            own.Enqueue(waiter);
            _count++;
            if (own.Count == 1)
            {
                _waiting.Add(user, own);
                _turns.Enqueue(user);
            }
        }
        try
        {
            return await waiter.Task.WaitAsync(bound, time);
        }
        catch (TimeoutException)
        {
            return !waiter.TrySetResult(false) && await waiter.Task; // it may have got one just now
        }
    }

    public void Release()
    {
        lock (_gate)
        {
            while (_turns.TryDequeue(out var user))
            {
                var own = _waiting[user];
                var waiter = own.Dequeue();
                _count--;
                if (own.Count > 0)
                    _turns.Enqueue(user);
                else
                    _waiting.Remove(user);
                if (waiter.TrySetResult(true))
                    return;
            }
            _free++;
        }
    }
}
