using System.Collections.Concurrent;

namespace Realtime.WebFront.Security.Tokens;

/// <summary>
/// Instances of a key for one user at a time, as the framework's <c>RSA</c> and <c>ECDsa</c> promise nothing about
/// threads. It holds as many as were ever in use at once; they are released with it, by their safe handles.
/// </summary>
internal sealed class InstancePool<T>(Func<T> create) where T : class
{
    private readonly ConcurrentBag<T> _idle = [create()];

    public T Rent() => _idle.TryTake(out var instance) ? instance : create();

    public void Return(T instance) => _idle.Add(instance);
}
