using System.Text;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.DependencyInjection;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront;
using Realtime.WebFront.Rooms;

namespace Realtime.Micro;

/// <summary>
/// What a message costs between its frame and those of the members: the front's room, the grain, the stream, the fan-out. The
/// members are connections of this process, and what their clients allocate counts too.
/// </summary>
public class PublishBenchmarks
{
    private const int Count = 64;

    private readonly byte[] _body = Encoding.UTF8.GetBytes($"\"content\":\"{new string('x', 100)}\"");
    private Server _server = null!;
    private Session _sender = null!;
    private LocalRoom _room = null!;

    /// <summary>None: the sender alone, whose session is not registered, so nothing is sent.</summary>
    [Params(0, 10)]
    public int Members { get; set; }

    [GlobalSetup]
    public async Task Setup()
    {
        _server = Server.Start();
        var calls = _server.Services.GetRequiredService<GrainCalls>();
        _room = _server.Services.GetRequiredService<LocalRooms>().Acquire("lobby");
        foreach (var connection in _server.Connect(Members + 1, read: true))
        {
            _sender = new Session(connection, "alice", null!);
            connection.State = _sender;
            if (_server.Registry.CountRoom("lobby") < Members)
                _server.Registry.Join(connection, "lobby");
        }
        // The room knows this front as one with members, so events come here.
        await calls.Room("lobby").Submit(calls.Front, calls.NextBatch(), [new JoinCommand("alice", _sender.Connection.Id, null)]);
    }

    [GlobalCleanup]
    public void Cleanup() => _server.Dispose();

    /// <summary>One after the other: each has been answered before the next. The wait for that is 96 bytes of it.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public async Task Lone_publish()
    {
        for (var i = 0; i < Count; i++)
        {
            var answered = _sender.BeginCommand(bound: 1);
            _room.Submit(_sender, null, new PublishCommand("alice", null, _body));
            await answered;
        }
    }
}
