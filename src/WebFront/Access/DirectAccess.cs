namespace Realtime.WebFront.Access;

/// <summary>
/// To whom a connection may send, as far as that had to be asked. What is granted is remembered for so many users; what is not is asked
/// again.
/// </summary>
internal sealed class DirectAccess
{
    /// <summary>Users. Questions under way come on top, and are bounded by the commands of a connection.</summary>
    private const int MaxGranted = 64;

    private Dictionary<string, AccessGate>? _users; // made when there is one to ask about

    /// <summary>The gate of a user; one that has just been made must be decided.</summary>
    public AccessGate GateTo(string user, out bool isNew)
    {
        lock (this)
        {
            _users ??= [];
            isNew = !_users.TryGetValue(user, out var gate);
            if (!isNew)
                return gate!;
            if (_users.Count >= MaxGranted)
                Forget();
            gate = new AccessGate();
            _users.Add(user, gate);
            return gate;
        }
    }

    /// <summary>It is decided.</summary>
    public void Decide(string user, AccessGate gate, AccessAnswer answer)
    {
        lock (this)
        {
            if (!answer.Allowed.HasFlag(RoomOperation.Direct) && _users!.GetValueOrDefault(user) == gate)
                _users!.Remove(user);
        }
        gate.Open(answer);
    }

    /// <summary>All is asked anew.</summary>
    public void Forget()
    {
        lock (this)
        {
            foreach (var (user, gate) in _users ?? [])
            {
                if (gate.IsOpen)
                    _users!.Remove(user);
            }
        }
    }
}
