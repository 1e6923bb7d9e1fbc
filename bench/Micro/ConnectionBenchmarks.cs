using BenchmarkDotNet.Attributes;
using Realtime.Connections;

namespace Realtime.Micro;

/// <summary>The registry and the queues of connections. The clients are in this process, and their allocations count too.</summary>
public class ConnectionBenchmarks
{
    private const int Members = 100;

    private readonly Frame _frame = Frame.Text(new string('x', 128));
    private Server _server = null!;
    private Connection _one = null!;
    private Connection _stuck = null!;

    [GlobalSetup(Targets = [nameof(Join_and_leave_a_room), nameof(Count_of_a_room), nameof(Broadcast_to_a_room)])]
    public void Setup()
    {
        _server = Server.Start();
        foreach (var connection in _server.Connect(Members, read: true))
        {
            _server.Registry.Join(connection, "lobby");
            _one = connection;
        }
    }

    [GlobalSetup(Target = nameof(Send_to_a_full_queue))]
    public void SetupStuck()
    {
        _server = Server.Start();
        _stuck = _server.Connect(1, read: false).First();
        // Until the kernel takes no more and the queue is full.
        while (_stuck.QueuedMessages < 250)
            _stuck.Deliver(_frame);
    }

    [GlobalCleanup]
    public void Cleanup() => _server.Dispose();

    [Benchmark]
    public bool Join_and_leave_a_room()
    {
        _server.Registry.Join(_one, "other");
        return _server.Registry.Leave(_one, "other");
    }

    [Benchmark]
    public int Count_of_a_room() => _server.Registry.CountRoom("lobby");

    /// <summary>Per member, with the system call.</summary>
    [Benchmark(OperationsPerInvoke = Members)]
    public int Broadcast_to_a_room() => _server.Registry.BroadcastToRoom("lobby", _frame);

    /// <summary>The client does not read, so the oldest message gives way to the new one.</summary>
    [Benchmark]
    public bool Send_to_a_full_queue() => _stuck.Deliver(_frame);
}
