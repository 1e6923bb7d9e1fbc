using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Realtime.Connections.Tests.Support;
using Path = System.IO.Path;

namespace Realtime.Connections.Tests.Listening;

/// <summary>A process that has no descriptors left goes on serving whom it has, turns others away, and recovers by itself.</summary>
public class DescriptorTests
{
    private const int Limit = 400, More = 500;

    [Theory, InlineData(true), InlineData(false)]
    public async Task At_the_limit_the_process_lives_and_recovers(bool enablePolling)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The transport is for Linux.");
        using var process = Start($"ulimit -n {Limit}; ", $"--Connections:EnablePolling={enablePolling}");
        try
        {
            var server = new IPEndPoint(IPAddress.Loopback, await PortAsync(process));
            using var first = await RawClient.ConnectAsync(server, "/ws/echo");
            var others = new List<RawClient>();
            for (int i = 0; i < More; i++)
                others.Add(await RawClient.OpenAsync(server));
            int served = 0, refused = 0, told = 0;
            foreach (var other in others)
            {
                await other.SendIfOpenAsync(Encoding.ASCII.GetBytes(RawClient.UpgradeRequest("/ws/echo")));
                var answer = await other.ReadHeadAsync();
                if (answer.StartsWith("HTTP/1.1 101 ", StringComparison.Ordinal))
                    served++;
                else
                    refused++;
                if (answer.StartsWith("HTTP/1.1 503 ", StringComparison.Ordinal) && answer.Contains("Retry-After: 1\r\n"))
                    told++;
            }
            Assert.True(served > 0 && refused > More - Limit && told == refused, $"{served} served, {refused} refused, {told} of them told so");
            await first.SendTextAsync("still here");
            Assert.Equal("still here", await first.ReceiveTextAsync());
            foreach (var other in others)
                other.Dispose();

            string head = "";
            var end = DateTime.UtcNow.AddSeconds(30);
            while (!head.StartsWith("HTTP/1.1 101 ", StringComparison.Ordinal) && DateTime.UtcNow < end)
            {
                // The ends of those that went are seen one after another.
                using var again = await RawClient.OpenAsync(server);
                await again.SendIfOpenAsync(Encoding.ASCII.GetBytes(RawClient.UpgradeRequest("/ws/echo")));
                head = await again.ReadHeadAsync();
            }
            Assert.StartsWith("HTTP/1.1 101 ", head);
            Assert.False(process.HasExited);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync().Within();
        }
    }

    // Not the number of a new descriptor but the system says that there is none: somebody else has used up what was in reserve.
    [Theory, InlineData(true), InlineData(false)]
    public async Task Without_any_descriptor_clients_wait_and_are_served_when_there_are_some(bool enablePolling)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The transport is for Linux.");
        using var process = Start("", $"--Connections:EnablePolling={enablePolling}");
        try
        {
            var server = new IPEndPoint(IPAddress.Loopback, await PortAsync(process));
            using var first = await RawClient.ConnectAsync(server, "/ws/echo");
            await first.SendTextAsync("hello");
            Assert.Equal("hello", await first.ReceiveTextAsync()); // all that serves one is there
            await LimitAsync(process, "1");
            var waiting = new List<RawClient>();
            for (int i = 0; i < 3; i++)
            {
                waiting.Add(await RawClient.OpenAsync(server)); // the system has accepted it, and the process has not
                await waiting[i].SendIfOpenAsync(Encoding.ASCII.GetBytes(RawClient.UpgradeRequest("/ws/echo")));
            }
            await first.SendTextAsync("still here");
            Assert.Equal("still here", await first.ReceiveTextAsync());

            await LimitAsync(process, "1000");
            foreach (var client in waiting)
            {
                Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync());
                client.Dispose();
            }
            Assert.False(process.HasExited);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync().Within();
        }
    }

    // Kestrel takes the one that was registered last, if that one wants the endpoint; without it nobody would keep a reserve.
    [Theory, InlineData(true), InlineData(false)]
    public async Task Whoever_else_has_listeners_under_keys_the_endpoints_are_this_library_s(bool enablePolling)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The transport is for Linux.");
        var builder = WebApplication.CreateBuilder();
        builder.Services.AddKeyedSingleton<IConnectionListenerFactory, SocketTransportFactory>("another's");
        builder.Services.AddRealtimeConnections(options => options.EnablePolling = enablePolling);
        await using var app = builder.Build();
        var last = app.Services.GetServices<IConnectionListenerFactory>().Last();
        Assert.True(Assert.IsAssignableFrom<IConnectionListenerFactorySelector>(last).CanBind(new IPEndPoint(IPAddress.Loopback, 0)));
    }

    private static Process Start(string before, string setting) =>
        Process.Start(new ProcessStartInfo("/bin/sh", ["-c", $"{before}exec dotnet '{EchoDll()}' --urls http://127.0.0.1:0 {setting}"]) { RedirectStandardOutput = true })!;

    // Only the soft limit: a process may raise that again.
    private static async Task LimitAsync(Process process, string descriptors)
    {
        using var limit = Process.Start("prlimit", ["--pid", $"{process.Id}", $"--nofile={descriptors}:"])!;
        await limit.WaitForExitAsync().Within();
        Assert.Equal(0, limit.ExitCode);
    }

    private static async Task<int> PortAsync(Process process)
    {
        const string says = "Now listening on: http://127.0.0.1:";
        while (await process.StandardOutput.ReadLineAsync().Within(60) is { } line)
            if (line.IndexOf(says, StringComparison.Ordinal) is >= 0 and int at)
            {
                _ = process.StandardOutput.ReadToEndAsync(); // or it would wait for a reader
                return int.Parse(line[(at + says.Length)..]);
            }
        throw new InvalidOperationException("The server did not start.");
    }

    // Beside this project's own output, in the same configuration.
    private static string EchoDll()
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        return Path.Combine(own.Parent!.Parent!.FullName, "Echo", own.Name, "Realtime.Echo.dll");
    }
}
