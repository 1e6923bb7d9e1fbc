using System.Diagnostics;
using System.Net;
using System.Text;

namespace Realtime.Processes;

/// <summary>A process that was started, with what it writes.</summary>
public sealed class ServerProcess : IAsyncDisposable
{
    /// <summary>A cold start takes seconds; the rest is for a machine that is busy.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>What it has started itself may hold its output open; it is not waited for longer.</summary>
    private static readonly TimeSpan s_lastWords = TimeSpan.FromSeconds(2);

    /// <summary>Characters of the output that are kept, the last ones.</summary>
    private const int MaxOutput = 400_000;

    private static readonly HttpClient s_http = new() { Timeout = TimeSpan.FromSeconds(5) };

    private readonly StringBuilder _output = new();
    private readonly TaskCompletionSource _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Process _process;

    private ServerProcess(ProcessStart start)
    {
        (Name, Port) = (start.Name, start.Port);
        _process = new Process { StartInfo = start.Info(), EnableRaisingEvents = true };
        _process.Exited += (_, _) => _exited.TrySetResult();
        _process.OutputDataReceived += (_, line) => Read(line.Data, start.OnLine);
        _process.ErrorDataReceived += (_, line) => Read(line.Data, start.OnError ?? start.OnLine);
        _process.Start();
        _process.StandardInput.Close();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        Id = _process.Id;
        Ended = End();
    }

    /// <summary>As it was named at its start.</summary>
    public string Name { get; }

    /// <summary>The process id.</summary>
    public int Id { get; }

    /// <summary>Where it serves HTTP on loopback; 0 when it does not.</summary>
    public int Port { get; }

    /// <summary>Where it serves HTTP.</summary>
    public Uri Address => new($"http://127.0.0.1:{Port}");

    /// <summary>Done when the process is gone and its last line is told: its exit code; of one that a signal ended, 128 and the signal's number.</summary>
    public Task<int> Ended { get; }

    /// <summary>Whether the process is gone; a last line may still come.</summary>
    public bool HasExited => _exited.Task.IsCompleted || _process.HasExited;

    /// <summary>What it has written, output and errors together; of much only the end.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    /// <summary>Starts a program.</summary>
    /// <exception cref="System.ComponentModel.Win32Exception">It cannot be started.</exception>
    public static ServerProcess Start(ProcessStart start) => new(start);

    /// <summary>Runs a program to its end.</summary>
    /// <exception cref="InvalidOperationException">It cannot be started or ends with another exit code than 0; the message has its last line.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled; the program is killed.</exception>
    public static async Task Run(ProcessStart start, CancellationToken cancellation = default)
    {
        await using var process = Start(start);
        var code = await process.Ended.WaitAsync(Patience, cancellation);
        if (code != 0)
            throw new InvalidOperationException($"{start.Name} failed with exit code {code}: {process.Output.TrimEnd().Split('\n')[^1]}");
    }

    /// <summary>Sends a signal; nothing happens when the process is gone.</summary>
    public void Send(Signal signal)
    {
        if (!HasExited)
            _ = SystemCalls.Kill(Id, (int)signal); // when it fails the process has gone
    }

    /// <summary>Ends it as a crash would, and waits for its end.</summary>
    public async Task Kill()
    {
        Send(Signal.Kill);
        await Ended.WaitAsync(Patience);
    }

    /// <summary>Asks it to end and waits for that; kills it, and what it has started, when that takes longer than a bound.</summary>
    /// <returns>Whether it has ended by itself.</returns>
    public async Task<bool> Stop(Signal signal, TimeSpan bound)
    {
        Send(signal);
        await ((Task)Ended.WaitAsync(bound)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (Ended.IsCompleted)
            return true;
        _process.Kill(entireProcessTree: true);
        await Ended.WaitAsync(Patience);
        return false;
    }

    /// <summary>Asks the process how it is.</summary>
    /// <param name="which"><c>live</c> or <c>ready</c>.</param>
    public async Task<(HttpStatusCode Status, string Body)> Health(string which)
    {
        using var answer = await s_http.GetAsync(new Uri(Address, $"/health/{which}"));
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>Asks for a page or a resource.</summary>
    public Task<string> Get(string path) => s_http.GetStringAsync(new Uri(Address, path));

    /// <summary>Waits until the process answers and says what is awaited.</summary>
    /// <exception cref="InvalidOperationException">It has ended, or it has not said so within <see cref="Patience"/>; the message has its output.</exception>
    public async Task WaitForHealth(string which, Func<HttpStatusCode, string, bool> awaited, CancellationToken cancellation = default)
    {
        var last = "nothing yet";
        await WaitUntil(async () =>
        {
            try
            {
                var (status, body) = await Health(which);
                last = $"{(int)status} {body}";
                return awaited(status, body);
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
            {
                last = exception.Message; // it does not listen yet
                return false;
            }
        }, () => $"/health/{which} answers: {last}", cancellation);
    }

    /// <summary>Waits until the process can serve.</summary>
    /// <exception cref="InvalidOperationException">As with <see cref="WaitForHealth"/>.</exception>
    public Task WaitUntilReady(CancellationToken cancellation = default) => WaitForHealth("ready", (status, _) => status == HttpStatusCode.OK, cancellation);

    /// <summary>Waits until it has written this.</summary>
    /// <exception cref="InvalidOperationException">As with <see cref="WaitForHealth"/>.</exception>
    public Task WaitForOutput(string text) => WaitUntil(() => Task.FromResult(Output.Contains(text)), () => $"it has not written \"{text}\"", default);

    /// <summary>Asks again and again, as a load balancer does.</summary>
    /// <exception cref="InvalidOperationException">As with <see cref="WaitForHealth"/>.</exception>
    public async Task WaitUntil(Func<Task<bool>> isSo, Func<string> state, CancellationToken cancellation)
    {
        for (var waited = Stopwatch.StartNew(); !await isSo(); await Task.Delay(50, cancellation))
        {
            if (Ended.IsCompleted && !await isSo())
                throw new InvalidOperationException($"{Name} has ended with exit code {await Ended}, {state()}\n{Output}");
            if (waited.Elapsed > Patience)
                throw new InvalidOperationException($"{Name} after {Patience.TotalSeconds} s: {state()}\n{Output}");
        }
    }

    /// <summary>Kills it, and what it has started.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!HasExited)
            _process.Kill(entireProcessTree: true);
        await Ended.WaitAsync(Patience);
        _process.Dispose();
    }

    private async Task<int> End()
    {
        await _exited.Task;
        using var bound = new CancellationTokenSource(s_lastWords);
        await _process.WaitForExitAsync(bound.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // this one waits for the output too
        return _process.ExitCode;
    }

    private void Read(string? line, Action<string>? onLine)
    {
        if (line is null)
            return;
        lock (_output)
        {
            if (_output.Length > MaxOutput)
                _output.Remove(0, MaxOutput / 2);
            _output.Append(line).Append('\n');
        }
        onLine?.Invoke(line);
    }
}
