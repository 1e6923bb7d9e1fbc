using Microsoft.Extensions.Logging;

namespace Realtime.Connections;

/// <summary>The process's pollers: made when the host starts, or when the first connection comes, taken in turn.</summary>
internal sealed class Pollers(ILogger logger) : IDisposable
{
    // One poller reads for several cores that handle and send: it hardly does more than take bytes in.
    private const int CoresPerPoller = 4;

    private readonly Lock _lock = new();
    private Poller[]? _pollers;
    private uint _next;
    private bool _ended; // disposed, or not to be had

    public static bool AreSupported { get; } = OperatingSystem.IsLinux();

    /// <summary>The poller of the next connection; null when the host has stopped or the system gives none.</summary>
    public Poller? Next()
    {
        var pollers = Volatile.Read(ref _pollers) ?? Start();
        return pollers?[Interlocked.Increment(ref _next) % (uint)pollers.Length];
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _ended = true;
            foreach (var poller in _pollers ?? [])
                poller.Dispose();
        }
    }

    /// <summary>Makes them. A system that gives none is logged, and connections stay with the server.</summary>
    public Poller[]? Start()
    {
        lock (_lock)
        {
            if (_pollers is not null || _ended)
                return _pollers;
            var pollers = new Poller[(Environment.ProcessorCount + CoresPerPoller - 1) / CoresPerPoller];
            int made = 0;
            try
            {
                PolledTransport.Prepare();
                for (; made < pollers.Length; made++)
                    pollers[made] = new Poller($"Connections {made}", logger);
                Volatile.Write(ref _pollers, pollers);
            }
            catch (Exception e)
            {
                // A sandbox that has no epoll, say: connections stay with the server.
                _ended = true;
                foreach (var poller in pollers.AsSpan(0, made))
                    poller.Dispose();
                Log.NoPollers(logger, e);
            }
            return _pollers;
        }
    }
}
