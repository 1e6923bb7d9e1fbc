using System.Runtime.InteropServices;

namespace Realtime.Processes;

/// <summary>Ctrl-C, SIGTERM and SIGHUP: the first one asks the program to stop in good order, a second one to be quick about it.</summary>
public sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _hurry = new();
    private readonly PosixSignalRegistration[] _registrations;
    private int _first;

    /// <summary>From now on they do not end the process by themselves.</summary>
    public StopSignals() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => Take(context, 1)),
        PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Take(context, 2)),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Take(context, 15)),
    ];

    /// <summary>Cancelled at the first signal.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Cancelled at the second one.</summary>
    public CancellationToken Hurry => _hurry.Token;

    /// <summary>What a process says that was ended by the first signal: 128 and its number; 0 when there was none.</summary>
    public int ExitCode => _first == 0 ? 0 : 128 + _first;

    /// <summary>Signals end the process again.</summary>
    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
    }

    private void Take(PosixSignalContext context, int number)
    {
        context.Cancel = true;
        (Interlocked.CompareExchange(ref _first, number, 0) == 0 ? _stopping : _hurry).Cancel();
    }
}
