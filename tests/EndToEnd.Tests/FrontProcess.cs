using Realtime.Processes;

namespace Realtime.EndToEnd.Tests;

/// <summary>The built server, as a process of its own on a loopback port, in the Development environment.</summary>
internal sealed class FrontProcess : IAsyncDisposable
{
    private readonly int _port = Ports.Free();
    private readonly string[] _settings;
    private ServerProcess? _process;

    private FrontProcess(string[] settings) => _settings = settings;

    /// <summary>Where it listens, without a slash at the end: <c>http://127.0.0.1:21234</c>.</summary>
    public string Address => $"http://127.0.0.1:{_port}";

    /// <summary>Starts one on a free port.</summary>
    /// <param name="settings">Settings other than the defaults: <c>--Front:MaxRoomsPerConnection=5</c>.</param>
    public static async Task<FrontProcess> StartAsync(params string[] settings)
    {
        var front = new FrontProcess(settings);
        await front.StartAgainAsync();
        return front;
    }

    /// <summary>Starts it on the port that it had.</summary>
    public async Task StartAgainAsync()
    {
        _process = ServerProcess.Start(ProcessStart.OfServer("Server", "the front", _port, [], _settings));
        await _process.WaitUntilReady();
    }

    /// <summary>Ends it as a crash would: no goodbye to anybody.</summary>
    public async Task KillAsync() => await DisposeAsync();

    public async ValueTask DisposeAsync()
    {
        if (_process is not { } process)
            return;
        _process = null;
        await process.DisposeAsync();
    }
}
