using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;

namespace Realtime.Fuzz.Tests;

/// <summary>Runs cases against one server, several at once, and watches what the server must keep to meanwhile.</summary>
internal sealed class FuzzRun(FuzzSettings settings, FuzzServer server, Action<string> write)
{
    /// <summary>Cases before the base is taken: the runtime opens files and grows its heap at first use.</summary>
    private const int WarmUp = 400;

    /// <summary>After so many there is nothing more to learn.</summary>
    private const int MostFailures = 300;

    /// <summary>Over this the process holds what it should not: it needs about 200 MB, most of it the collector's leisure.</summary>
    private const long MostBytes = 1L << 30;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private static readonly FuzzKind[] s_kinds =
    [
        new("frames", 35, FrameCases.All), new("handshakes", 20, HandshakeCases.All), new("json", 25, JsonCases.All), new("http", 20, HttpCases.All),
    ];

    private readonly FuzzFailures _failures = new();
    private readonly ConcurrentQueue<string> _recent = new();
    private readonly ConcurrentDictionary<string, int> _done = new();
    private readonly HashSet<string> _told = [];
    private long _worstBytes;
    private int _faultsSeen, _faultsTold;

    /// <summary>Runs all, and gives what went wrong.</summary>
    public async Task<FuzzFailures> Run()
    {
        await using var polite = await PoliteClients.Start(server.Address);
        var clock = Stopwatch.StartNew();
        (FuzzKind, int)[] cases = settings.Only.Length > 0
            ? [.. settings.Only.Select(one => (Kind(one.Kind), one.Number))]
            : [.. Numbered()];
        var before = (Descriptors: server.Descriptors(), Bytes: server.Bytes());
        if (settings.Only.Length == 0)
        {
            await RunAll(cases.Take(WarmUp), polite);
            before = await Settle(polite, null);
        }
        await RunAll(settings.Only.Length > 0 ? cases : cases.Skip(WarmUp), polite);
        // Each case has ended its connection; what stays is the server's.
        var after = await Settle(polite, settings.Only.Length > 0 ? null : before.Descriptors);
        if (!server.HasExited)
            await Watched(polite.Stop);
        CheckProcess(polite, isEnd: true);
        write($"""
            {_done.Values.Sum()} cases in {clock.Elapsed.TotalSeconds:F0} s with seed {settings.Seed}: {string.Join(", ", s_kinds.Select(kind => $"{kind.Name} {_done.GetValueOrDefault(kind.Name)}"))}
            resident {before.Bytes >> 20} MiB before, {after.Bytes >> 20} after, {_worstBytes >> 20} at most; descriptors {before.Descriptors.Values.Sum()} before, {after.Descriptors.Values.Sum()} after
            polite client: {polite.Count} messages in order, worst latency {polite.Worst.TotalMilliseconds:F0} ms
            """);
        return _failures;
    }

    private IEnumerable<(FuzzKind Kind, int Number)> Numbered()
    {
        if (settings.Kind is { } only)
            return Enumerable.Range(0, settings.Cases).Select(number => (Kind(only), number));
        return s_kinds
            .SelectMany(kind => Enumerable.Range(0, (int)((long)settings.Cases * kind.Share / 100)).Select(number => (Kind: kind, Number: number)))
            .OrderBy(one => (one.Number + 0.5) / one.Kind.Share); // all kinds all the time
    }

    private static FuzzKind Kind(string name) => s_kinds.FirstOrDefault(kind => kind.Name == name)
        ?? throw new ArgumentException($"There is no kind '{name}'; there are {string.Join(", ", s_kinds.Select(kind => kind.Name))}.");

    private async Task RunAll(IEnumerable<(FuzzKind Kind, int Number)> cases, PoliteClients polite)
    {
        using var all = cases.GetEnumerator();
        using var stop = new CancellationTokenSource();
        var watch = Task.Run(() => Watch(polite, stop.Token));
        await Task.WhenAll(Enumerable.Range(0, settings.Workers).Select(worker => Task.Run(() => Work(worker, all))));
        await stop.CancelAsync();
        await watch;
    }

    private async Task Work(int worker, IEnumerator<(FuzzKind Kind, int Number)> all)
    {
        var source = new IPAddress([127, 0, 1, (byte)(worker + 1)]);
        while (_failures.Count < MostFailures && !server.HasExited)
        {
            FuzzKind kind;
            int number;
            lock (all)
            {
                if (!all.MoveNext())
                    return;
                (kind, number) = all.Current;
            }
            var name = $"{kind.Name}:{number}";
            _recent.Enqueue(name);
            while (_recent.Count > settings.Workers * 4)
                _recent.TryDequeue(out _);
            var one = kind.Case(settings.Seed, number);
            try
            {
                // As many users as cases at once, and not as cases: users are kept for a while.
                await one.Run(new FuzzTarget(server.Address, source, $"w{worker}"));
            }
            catch (Exception exception)
            {
                _failures.Add(kind.Name, $"{name}: {(exception is FuzzFailure ? exception.Message : exception)}\n  {one.ToString()!.ReplaceLineEndings("\n  ")}");
            }
            _done.AddOrUpdate(kind.Name, 1, (_, count) => count + 1);
        }
    }

    private async Task Watch(PoliteClients polite, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        var next = TimeSpan.FromMinutes(1);
        var clock = Stopwatch.StartNew();
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                CheckProcess(polite, isEnd: false);
                if (clock.Elapsed < next)
                    continue;
                next += TimeSpan.FromMinutes(1);
                write($"{clock.Elapsed:hh\\:mm\\:ss} {_done.Values.Sum()} cases, {_failures.Count} failures, {server.Bytes() >> 20} MiB, {server.Descriptors().Values.Sum()} descriptors, polite: {polite.Count} messages, at worst {polite.Worst.TotalMilliseconds:F0} ms");
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <summary>Looks at the oracles that belong to no case; the cases that ran last are named.</summary>
    private void CheckProcess(PoliteClients polite, bool isEnd)
    {
        var recent = $"\n  among {string.Join(',', _recent)}";
        var faults = server.Faults;
        // The rest of an entry comes after its first line, so one is told at the next look.
        foreach (var fault in isEnd ? faults[_faultsTold..] : faults[_faultsTold.._faultsSeen])
            _failures.Add("log", $"logged: {fault}{recent}");
        _faultsTold = isEnd ? faults.Length : _faultsSeen;
        _faultsSeen = faults.Length;
        if (server.HasExited)
        {
            if (Once("ended"))
                _failures.Add("process", $"the process has ended{recent}");
            return;
        }
        if (server.Bytes() is var bytes && bytes > _worstBytes)
            _worstBytes = bytes;
        if (bytes > MostBytes && Once("memory"))
            _failures.Add("process", $"memory: {bytes >> 20} MiB{recent}");
        if (polite.Work.IsFaulted && Once("polite"))
            _failures.Add("process", $"polite: {polite.Work.Exception!.InnerException!.Message}{recent}");
    }

    /// <summary>Waits until the server has no connections but the polite ones, and no more descriptors than these.</summary>
    private async Task<(Dictionary<string, int> Descriptors, long Bytes)> Settle(PoliteClients polite, Dictionary<string, int>? most)
    {
        var bound = Stopwatch.StartNew();
        while (true)
        {
            var descriptors = server.Descriptors();
            if (server.HasExited || polite.Work.IsFaulted)
                return (descriptors, server.Bytes());
            var connections = await Connections();
            var more = most is null ? [] : descriptors.Where(one => one.Value > most.GetValueOrDefault(one.Key)).Select(one => $"{one.Value - most.GetValueOrDefault(one.Key)} of {one.Key}").ToList();
            if (connections == 2 && more.Count == 0)
                return (descriptors, server.Bytes());
            if (bound.Elapsed > s_patience)
            {
                _failures.Add("process", $"{connections} connections, of which 2 are in use; descriptors that were not there before: {string.Join(", ", more)}");
                return (descriptors, server.Bytes());
            }
            await Task.Delay(200); // it is asked again; no event tells of another process's descriptors
        }
    }

    private async Task<long> Connections()
    {
        using var client = await RawClient.Connect(new FuzzTarget(server.Address, IPAddress.Loopback, ""));
        await client.Send("GET /api/cluster HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"u8.ToArray());
        var answer = await client.Answer() ?? throw new FuzzFailure("no answer to /api/cluster");
        using var json = Answers.Parse(System.Text.Encoding.UTF8.GetString(answer.Body));
        return json.RootElement.GetProperty("connections").GetInt64();
    }

    private bool Once(string what) => _told.Add(what);

    private async Task Watched(Func<Task> stop)
    {
        try
        {
            await stop();
        }
        catch (FuzzFailure failure) when (Once("polite"))
        {
            _failures.Add("process", $"polite: {failure.Message}");
        }
    }
}
