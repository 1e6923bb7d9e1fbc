using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;
using Realtime.Bench.Machines;
using Realtime.Bench.Reports;
using Realtime.Connections;
using Realtime.Silo;
using Realtime.WebFront;

namespace Realtime.Bench.Scenarios;

/// <summary>What an open inbox without a message costs a single process. The server runs in this process, so that its heap can be looked at.</summary>
internal sealed class InboxMemoryScenario() : Scenario("inbox-memory", "Memory of an inbox without messages")
{
    private static readonly TimeSpan s_settle = TimeSpan.FromSeconds(20);

    private const double Bound = 1024; // issue: at most 1 KB more per user that has no message

    public override void Run(Options options, Section section)
    {
        // Both ends of a connection are here; the rest is for those that warm it up, files and libraries.
        var users = Math.Min(options.IsQuick ? 2000 : 20_000, (Machine.OpenFiles - 3000) / 2);
        var table = section.Table($"{users:#,0} users with one connection each, in one process with its clients", "log", "a connection", "its inbox besides");
        foreach (var log in (string[])["memory", "sqlite"])
        {
            var runs = Enumerable.Range(0, options.Runs).Select(_ => Measure(log, users).GetAwaiter().GetResult()).ToList();
            table.Row(log, runs.Select(run => run.Connection).ToArray().Show(), runs.Select(run => run.Inbox).ToArray().Show());
            section.Verdict($"bytes per open inbox without a message, {log} log", runs.Select(run => run.Inbox).ToArray().Median(), Bound);
        }
        section.Note("Growth of the live heap in bytes for each (GC.GetTotalMemory after a full collection), first when all have connected and had an answer, then " +
            "when each has opened the inbox besides and what is not used has left memory: silo, front and clients together; after 500 others to warm up.");
    }

    private static async Task<(double Connection, double Inbox)> Measure(string log, int users)
    {
        var folder = Directory.CreateTempSubdirectory("realtime-bench-");
        try
        {
            await using var app = Start(log, Path.Combine(folder.FullName, "log.db"));
            await app.StartAsync();
            var address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
            var cluster = app.Services.GetRequiredService<IClusterClient>();
            var warm = Connect(address, "warm", 500);
            Open(warm);
            await Rest(cluster);

            var before = Settled();
            var clients = Connect(address, "user", users);
            var connected = Settled();
            Open(clients);
            await Rest(cluster);
            var opened = Settled();
            if (app.Services.GetRequiredService<ConnectionRegistry>().Count is var left && left != users + warm.Length)
                throw new InvalidOperationException($"Only {left} of {users + warm.Length} connections are left.");
            foreach (var client in clients.Concat(warm))
                client.Dispose();
            await app.StopAsync();
            return ((connected - before) / (double)users, (opened - connected) / (double)users);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static WebApplication Start(string log, string file)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = Environments.Development });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Configuration["Limits:Enabled"] = "false";
        builder.Configuration["Connections:ReadTimeout"] = "01:00:00"; // the clients answer no ping
        builder.Configuration["Connections:PingInterval"] = "00:50:00";
        builder.Configuration["Log:Provider"] = log;
        if (log == "sqlite")
            builder.Configuration["Log:ConnectionString"] = $"Data Source={file}";
        builder.UseOrleans(silo => silo.UseSingleProcess().AddRealtime());
        builder.AddRealtimeFront();
        var app = builder.Build();
        app.MapRealtime();
        return app;
    }

    /// <summary>Clients of their own users; each has had an answer, so that there is what a first command brings.</summary>
    private static Socket[] Connect(Uri address, string name, int count)
    {
        var clients = new Socket[count];
        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
        {
            var client = clients[i] = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 60_000 };
            client.Connect(IPAddress.Loopback, address.Port);
            client.Send(Encoding.ASCII.GetBytes($"GET /ws?user={name}{i} HTTP/1.1\r\nHost: {address.Authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
            Expect(client, "\r\n\r\n");
            Send(client, """{"type":"ping","id":"1"}""", "\"type\":\"pong\"");
        });
        return clients;
    }

    private static void Open(Socket[] clients) => Parallel.ForEach(clients, new ParallelOptions { MaxDegreeOfParallelism = 8 },
        client => Send(client, """{"type":"inbox","id":"2"}""", "\"type\":\"inbox\""));

    private static void Send(Socket client, string frame, string answer)
    {
        // A short text frame with a mask of nothing.
        client.Send([0x81, (byte)(0x80 | frame.Length), 0, 0, 0, 0, .. Encoding.ASCII.GetBytes(frame)]);
        Expect(client, answer);
    }

    private static void Expect(Socket client, string text)
    {
        Span<byte> buffer = stackalloc byte[1024];
        var got = new StringBuilder();
        while (!got.ToString().Contains(text, StringComparison.Ordinal))
        {
            var count = client.Receive(buffer);
            if (count == 0)
                throw new InvalidOperationException($"A client was closed before it had {text}: {got}");
            got.Append(Encoding.Latin1.GetString(buffer[..count]));
        }
    }

    /// <summary>Waits until the silo has let go of what nobody uses, for two minutes at most.</summary>
    private static async Task Rest(IClusterClient cluster)
    {
        var management = cluster.GetGrain<IManagementGrain>(0);
        for (var tries = 0; tries < 24 && await Rooms() > 0; tries++)
            await Task.Delay(5000);

        async Task<int> Rooms() => (await management.GetSimpleGrainStatistics()).Where(grain => grain.GrainType.Contains("RoomGrain", StringComparison.Ordinal)).Sum(grain => grain.ActivationCount);
    }

    /// <summary>The live heap, when it shrinks no more: what a storm leaves in pools goes by and by.</summary>
    private static long Settled()
    {
        for (var (tries, last) = (0, Heap()); ; tries++)
        {
            Thread.Sleep(s_settle);
            var heap = Heap();
            if (last - heap < heap / 200 || tries == 12)
                return heap;
            last = heap;
        }
    }

    private static long Heap()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
