using Realtime.Bench.Load;
using Realtime.Bench.Machines;
using Realtime.Processes;

namespace Realtime.Bench.Servers;

/// <summary>nchan, in an nginx of the system's with a configuration of its own.</summary>
internal static class NchanPeer
{
    private const string Name = "nchan";
    private const string Modules = "/usr/lib/nginx/modules"; // of Debian

    /// <summary>Why it cannot be started here; null when it can.</summary>
    public static string? Missing() =>
        Programs.Find("nginx") is null ? "nginx is not installed"
        : !File.Exists(Path.Combine(Modules, "ngx_nchan_module.so")) ? "nginx has no nchan (Debian: apt-get install libnginx-mod-nchan)"
        : null;

    // "nginx version: nginx/1.22.1"
    public static string Version() => $"nchan ({Programs.Ask("nginx", "-v").Split(' ')[^1]})";

    public static Target Start()
    {
        var port = Ports.Free();
        var folder = PeerFolder.Of(Name);
        PeerFolder.Fill(Name);
        var template = File.ReadAllText(Path.Combine(folder, "nginx.conf"));
        var configuration = Path.Combine(folder, "nginx.running.conf");
        File.WriteAllText(configuration, template.Replace("{modules}", Modules).Replace("{port}", $"{port}").Replace("{files}", $"{Math.Min(Machine.OpenFiles, 65_536)}"));
        var server = MeasuredProcess.Start(folder, Programs.Find("nginx")!, ["-p", folder, "-e", "stderr", "-c", configuration]);
        return TargetKind.Ready(server, port, Dialect.Plain, () => server.WaitForPort(port));
    }
}
