using System.Net;
using System.Net.Sockets;
using Realtime.Bench.Machines;
using Realtime.Processes;

namespace Realtime.Bench.Servers;

/// <summary>Processes that are measured, on the core for servers.</summary>
internal static class MeasuredProcess
{
    /// <summary>Starts a program of this solution, of the same configuration as this one.</summary>
    public static ServerProcess StartProject(string project, int port, params string[] arguments) =>
        ServerProcess.Start(Measured(ProcessStart.OfServer(project, project, 0, [], arguments) with { Port = port }));

    public static ServerProcess Start(string folder, string program, string[] arguments) => ServerProcess.Start(OnItsCore(new(program, folder, program, arguments)));

    /// <summary>A server of ours as it is measured.</summary>
    public static ProcessStart Measured(ProcessStart start) => OnItsCore(start) with
    {
        Environment = new Dictionary<string, string?>(start.Environment)
        {
            ["DOTNET_gcServer"] = "0", // on one core the server's collector is no other
            ["Logging__LogLevel__Default"] = "Warning",
        },
    };

    /// <summary>It and its children: nginx works in one.</summary>
    public static IEnumerable<int> Ids(this ServerProcess process)
    {
        var children = $"/proc/{process.Id}/task/{process.Id}/children";
        return !File.Exists(children) ? [process.Id] // it has ended
            : [process.Id, .. File.ReadAllText(children).Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
    }

    /// <summary>Waits until something listens on a port.</summary>
    /// <exception cref="InvalidOperationException">It has ended, or did not come up in a minute.</exception>
    public static void WaitForPort(this ServerProcess process, int port) => process.WaitUntil(async () =>
    {
        using var probe = new TcpClient();
        try
        {
            await probe.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }, () => $"nobody listens on port {port}", default).GetAwaiter().GetResult();

    /// <summary>Ends it at once: what a graceful end does for its clients is not measured.</summary>
    public static void End(this IAsyncDisposable server) => server.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private static ProcessStart OnItsCore(ProcessStart start) => Cores.OfServers is { } core
        ? start with { Program = "taskset", Arguments = ["-c", $"{core}", start.Program, .. start.Arguments] }
        : start;
}
