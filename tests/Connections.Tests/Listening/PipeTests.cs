using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Realtime.Connections.Tests.Support;

namespace Realtime.Connections.Tests.Listening;

/// <summary>The transport's pipes by themselves: their memory, and every order of their calls.</summary>
public sealed class PipeTests : IAsyncDisposable
{
    private readonly Pollers _pollers = new(NullLogger.Instance);
    private readonly GuardedPool _pool = new();
    private readonly PolledListener? _listener;

    public PipeTests()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The transport is for Linux.");
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Blocking = false;
        socket.Listen();
        _listener = PolledListener.Start(socket, _pollers, _pool, mostToWrite: 64 * 1024, NullLogger.Instance);
    }

    [Fact]
    public async Task What_is_written_in_any_way_arrives_in_order_and_all_memory_goes_back()
    {
        for (int seed = 0; seed < 60; seed++)
        {
            var (connection, client) = await ConnectAsync();
            using var _ = client;
            var random = new Random(seed);
            var output = connection.Output;
            byte next = 0;
            long written = 0;
            var reading = ReadAsync(client, random.Next(3) == 0 ? 20 : 0);
            for (int step = random.Next(1, 300); step > 0; step--)
            {
                switch (random.Next(8))
                {
                    case 0:
                        output.GetMemory(random.Next(5000)); // not used
                        break;
                    case 1:
                        if (await output.FlushAsync() is { IsCanceled: true })
                            Assert.Equal(0, seed % 3);
                        break;
                    case 2:
                        await output.WriteAsync(Fill(new byte[random.Next(100_000)]));
                        break;
                    case 3 when seed % 3 == 0:
                        output.CancelPendingFlush();
                        break;
                    default:
                        // Several advances with what one call gave, as Kestrel does.
                        var memory = output.GetMemory(random.Next(3) == 0 ? random.Next(20_000) : 0);
                        for (int part = random.Next(1, 4); part > 0 && memory.Length > 0; part--)
                        {
                            int count = random.Next(memory.Length + 1);
                            Fill(memory[..count]);
                            memory = memory[count..];
                            output.Advance(count);
                        }
                        break;
                }
            }
            if (random.Next(2) == 0)
                output.Complete();
            await connection.DisposeAsync().AsTask().Within(30);
            var received = await reading.Within(30);
            Assert.Equal(written, received.Length);
            for (int i = 0; i < received.Length; i++)
                if (received[i] != (byte)i)
                    Assert.Fail($"seed {seed}: byte {i} is {received[i]}");
            Assert.Equal(0, _pool.Rented);

            Memory<byte> Fill(Memory<byte> bytes)
            {
                foreach (ref byte one in bytes.Span)
                    one = next++;
                written += bytes.Length;
                return bytes;
            }
        }
    }

    [Fact]
    public async Task An_abort_at_any_moment_takes_no_memory_from_a_writer_and_leaves_none_behind()
    {
        for (int seed = 0; seed < 100; seed++)
        {
            var (connection, client) = await ConnectAsync();
            var random = new Random(seed);
            var output = connection.Output;
            int wait = random.Next(2000);
            bool byPeer = random.Next(2) == 0;
            var ending = Task.Run(() =>
            {
                Thread.SpinWait(wait * 50);
                if (byPeer)
                {
                    client.LingerState = new(true, 0);
                    client.Dispose();
                }
                else
                    connection.Abort();
            });
            bool completed = false;
            for (int step = 0; !completed; step++)
            {
                var memory = output.GetMemory(random.Next(6000));
                int count = random.Next(memory.Length + 1);
                memory.Span[..count].Fill(1); // the pool tells if it is not ours any more
                output.Advance(count);
                if (random.Next(3) == 0)
                    completed = (await output.FlushAsync().Within()).IsCompleted;
            }
            await ending;
            await output.FlushAsync();
            await connection.DisposeAsync().AsTask().Within();
            await Waiting.Until(() => _pool.Rented == 0); // a send may just be ending
            client.Dispose();
        }
    }

    [Fact]
    public async Task What_is_read_in_any_way_is_what_was_sent_and_all_memory_goes_back()
    {
        for (int seed = 0; seed < 40; seed++)
        {
            var (connection, client) = await ConnectAsync();
            var random = new Random(seed);
            var input = connection.Input;
            int total = random.Next(1, 1_000_000);
            var sending = Task.Run(async () =>
            {
                var bytes = new byte[total];
                for (int i = 0; i < total; i++)
                    bytes[i] = (byte)i;
                var sizes = new Random(seed + 1);
                for (int sent = 0; sent < total;)
                {
                    int size = Math.Min(total - sent, sizes.Next(1, sizes.Next(2) == 0 ? 100_000 : 100));
                    sent += await client.SendAsync(bytes.AsMemory(sent, size));
                    if (sizes.Next(50) == 0)
                        input.CancelPendingRead();
                }
                client.Shutdown(SocketShutdown.Send);
            });
            long consumed = 0;
            while (true)
            {
                if (!input.TryRead(out var read))
                {
                    using var soon = new CancellationTokenSource(random.Next(20) == 0 ? 1 : 20_000);
                    try
                    {
                        read = await input.ReadAsync(soon.Token).Within();
                    }
                    catch (OperationCanceledException)
                    {
                        continue;
                    }
                }
                long index = consumed;
                foreach (var piece in read.Buffer)
                    foreach (byte one in piece.Span)
                        if (one != (byte)index++)
                            Assert.Fail($"seed {seed}: byte {index - 1} is {one}");
                long take = random.NextInt64(read.Buffer.Length + 1);
                consumed += take;
                var to = read.Buffer.GetPosition(take);
                if (read.IsCompleted)
                {
                    Assert.Equal(total, index);
                    input.AdvanceTo(to);
                    break;
                }
                // What is examined to its end is not told again, so all of it may have to be consumed.
                input.AdvanceTo(to, random.Next(2) == 0 ? read.Buffer.End : to);
            }
            await sending;
            await connection.DisposeAsync().AsTask().Within();
            client.Dispose();
            Assert.Equal(0, _pool.Rented);
        }
    }

    [Fact]
    public async Task A_waiting_read_ends_in_every_way()
    {
        var (connection, client) = await ConnectAsync();
        using var _ = client;
        var input = connection.Input;
        var reading = input.ReadAsync().AsTask();
        input.CancelPendingRead();
        Assert.True((await reading.Within()).IsCanceled);

        using var source = new CancellationTokenSource();
        reading = input.ReadAsync(source.Token).AsTask();
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.Within());

        reading = input.ReadAsync().AsTask();
        connection.Abort(new ConnectionAbortedException("enough"));
        Assert.Equal("enough", (await Assert.ThrowsAsync<ConnectionAbortedException>(() => reading.Within())).Message);
        await connection.DisposeAsync();
        Assert.True(connection.ConnectionClosed.IsCancellationRequested);
    }

    [Fact]
    public async Task A_canceled_read_does_not_run_its_continuation_on_the_thread_that_cancels()
    {
        var (connection, client) = await ConnectAsync();
        using var _ = client;
        using var cancels = new ThreadLocal<bool>();
        var inside = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var reading = connection.Input.ReadAsync();
        reading.GetAwaiter().UnsafeOnCompleted(() => inside.SetResult(cancels.Value));
        cancels.Value = true;
        connection.Input.CancelPendingRead();
        cancels.Value = false;
        Assert.False(await inside.Task.Within());
        Assert.True((await reading).IsCanceled);
        await connection.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_listener is not null)
            await _listener.DisposeAsync();
        _pollers.Dispose();
    }

    private static async Task<byte[]> ReadAsync(Socket client, int pause)
    {
        var all = new MemoryStream();
        var buffer = new byte[10_000];
        for (int i = 0; await client.ReceiveAsync(buffer) is > 0 and int read; i++)
        {
            all.Write(buffer, 0, read);
            if (pause > 0 && i % 20 == 0)
                await Task.Delay(1);
        }
        return all.ToArray();
    }

    private async Task<(PolledConnection Connection, Socket Client)> ConnectAsync()
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(_listener!.EndPoint);
        var connection = Assert.IsType<PolledConnection>(await _listener.AcceptAsync().AsTask().Within());
        return (connection, client);
    }

    /// <summary>Memory that is filled with 0xEE when it comes back, and looked at when it is given out again: nobody may have written meanwhile.</summary>
    private sealed class GuardedPool : MemoryPool<byte>
    {
        private const byte Freed = 0xEE;
        private readonly Queue<byte[]> _free = [];
        private readonly Lock _lock = new();
        private int _rented;

        public int Rented => Volatile.Read(ref _rented);

        public override int MaxBufferSize => 4096;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
        {
            Assert.InRange(minBufferSize, -1, MaxBufferSize);
            Interlocked.Increment(ref _rented);
            byte[]? memory;
            lock (_lock)
                if (_free.Count <= 8 || !_free.TryDequeue(out memory))
                    memory = null;
            if (memory is null)
                return new Owner(this, new byte[MaxBufferSize]);
            if (memory.AsSpan().ContainsAnyExcept(Freed))
                throw new InvalidOperationException("Memory was written after it had been given back.");
            return new Owner(this, memory);
        }

        protected override void Dispose(bool disposing)
        {
        }

        private void Return(byte[] memory)
        {
            memory.AsSpan().Fill(Freed);
            Interlocked.Decrement(ref _rented);
            lock (_lock)
                _free.Enqueue(memory);
        }

        private sealed class Owner(GuardedPool pool, byte[] memory) : IMemoryOwner<byte>
        {
            private byte[]? _memory = memory;

            public Memory<byte> Memory => _memory;

            public void Dispose() => pool.Return(Interlocked.Exchange(ref _memory, null) ?? throw new InvalidOperationException("Memory was given back twice."));
        }
    }
}
