using System.Text;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.DependencyInjection;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Rooms;

namespace Realtime.Micro;

/// <summary>The JSON of the protocol: what a client sends is decoded, what members get is encoded.</summary>
public class ProtocolBenchmarks
{
    private static readonly byte[] s_publish = Encoding.UTF8.GetBytes($$"""{"type":"message","room":"lobby","content":"{{new string('x', 100)}}"}""");
    private static readonly byte[] s_join = """{"type":"join","id":"1","room":"lobby"}"""u8.ToArray();

    private Server _server = null!;
    private LocalRoom _room = null!;
    private Membership[] _memberships = [];
    private FrontEvent _message = null!;

    [GlobalSetup]
    public void Setup()
    {
        _server = Server.Start();
        _room = _server.Services.GetRequiredService<LocalRooms>().Acquire("lobby");
        _memberships = [new Membership(_room)];
        _message = new FrontEvent
        {
            Kind = FrontEventKind.Message,
            Target = "lobby",
            From = "alice",
            Epoch = "0123456789abcdef",
            Sequence = 1234,
            Order = 1300,
            Timestamp = 1760000000000,
            Body = Encoding.UTF8.GetBytes($"\"content\":\"{new string('x', 100)}\""),
        };
    }

    [GlobalCleanup]
    public void Cleanup() => _server.Dispose();

    [Benchmark]
    public bool Decode_a_publish()
    {
        var frame = new ClientFrame();
        frame.Read(s_publish, _memberships);
        return frame.HasBody;
    }

    [Benchmark]
    public string? Decode_a_join()
    {
        var frame = new ClientFrame();
        frame.Read(s_join, []);
        return frame.Id;
    }

    [Benchmark]
    public Frame Encode_a_message()
    {
        var builder = MessageFrames.Builder;
        builder.AddMessage(_room, _message);
        return builder.Build();
    }

    [Benchmark(OperationsPerInvoke = 16)]
    public Frame Encode_sixteen_messages()
    {
        var builder = MessageFrames.Builder;
        for (var i = 0; i < 16; i++)
            builder.AddMessage(_room, _message);
        return builder.Build();
    }
}
