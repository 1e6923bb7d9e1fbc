using Microsoft.Extensions.Logging;

namespace Realtime.Connections.Transport;

/// <summary>The process's pollers: made when the first listener comes, taken in turn.</summary>
internal sealed class Pollers(ILogger logger) : IDisposable
{
    // One poller reads for several cores that handle and send: it hardly does more than take bytes in.
    private const int CoresPerPoller = 4;

    private readonly Lock _lock = new();
    private Poller[]? _pollers;
    private uint _next;
    private bool _ended; // disposed, or not to be had

    public static bool AreSupported { get; } = OperatingSystem.IsLinux();

    /// <summary>The poller of the next socket; null when the host has stopped or the system gives none.</summary>
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

    private Poller[]? Start()
    {
        lock (_lock)
        {
            if (_pollers is not null || _ended || !AreSupported)
                return _pollers;
            var pollers = new List<Poller>();
            try
            {
                for (int i = 0; i < (Environment.ProcessorCount + CoresPerPoller - 1) / CoresPerPoller; i++)
                    pollers.Add(new Poller($"Connections {i}", logger));
                Volatile.Write(ref _pollers, [.. pollers]);
            }
            catch (Exception e)
            {
                // A sandbox that has no epoll, say: connections stay with the server.
                _ended = true;
                foreach (var poller in pollers)
                    poller.Dispose();
                Log.NoPollers(logger, e);
            }
            return _pollers;
        }
    }
}
