using System.Buffers;
using System.Text;
using BenchmarkDotNet.Attributes;
using Realtime.Connections;
using Realtime.Connections.Frames;
using Realtime.Connections.Receiving;

namespace Realtime.Micro;

/// <summary>WebSocket frames: making them, and taking messages out of what a client sent.</summary>
public class FrameBenchmarks
{
    private readonly FrameBuilder _builder = new();
    private byte[] _payload = [];
    private ReadOnlySequence<byte> _received;

    [Params(128, 16 * 1024)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _payload = Encoding.ASCII.GetBytes(new string('x', Bytes));
        _received = new(Masked(_payload));
    }

    [Benchmark]
    public Frame One_frame() => Frame.Text(_payload);

    [Benchmark(OperationsPerInvoke = 16)]
    public Frame Sixteen_messages_in_one_buffer()
    {
        for (var i = 0; i < 16; i++)
        {
            _builder.BeginText();
            _builder.Write(_payload);
            _builder.End();
        }
        return _builder.Build();
    }

    [Benchmark]
    public int Read_one_message()
    {
        var reader = new MessageReader();
        var input = _received;
        var budget = default(ReadBudget);
        reader.TryRead(ref input, new ReadSettings(1 << 20, Compression: false, OwnArrays: false), queue: null, ref budget, out var received, out _);
        received.Release();
        return received.Length;
    }

    /// <summary>A client's frame.</summary>
    private static byte[] Masked(byte[] payload)
    {
        byte[] mask = [1, 2, 3, 4];
        byte[] head = payload.Length < 126
            ? [0x81, (byte)(0x80 | payload.Length)]
            : [0x81, 0x80 | 126, (byte)(payload.Length >> 8), (byte)payload.Length];
        return [.. head, .. mask, .. payload.Select((value, i) => (byte)(value ^ mask[i & 3]))];
    }
}
