using System.Diagnostics;
using Realtime.Bench.Load;

namespace Realtime.Bench.Servers;

/// <summary>A peer that runs in Node; its packages are fetched once, into artifacts/bench.</summary>
internal static class NodePeer
{
    private static readonly string s_root = Environment.GetEnvironmentVariable("REALTIME_ROOT") ?? Environment.CurrentDirectory;

    /// <summary>Why it cannot be started here; null when it can.</summary>
    public static string? Missing(string name)
    {
        foreach (var program in new[] { "node", "npm" })
        {
            if (!Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, program))))
                return $"{program} is not installed";
        }
        var folder = Folder(name);
        if (Directory.Exists(Path.Combine(folder, "node_modules")))
            return null;
        Directory.CreateDirectory(folder);
        foreach (var file in Directory.GetFiles(Path.Combine(s_root, "bench/Peers", name)))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        using var npm = Process.Start(new ProcessStartInfo("npm", ["install", "--silent", "--no-fund", "--no-audit"])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        if (npm.WaitForExit(TimeSpan.FromMinutes(1)) && npm.ExitCode == 0)
            return null;
        npm.Kill(entireProcessTree: true);
        return $"npm cannot fetch {name}";
    }

    public static Target Start(string name)
    {
        var port = Ports.Free();
        var server = ServerProcess.Start(Folder(name), "node", ["server.js", $"{port}"]);
        return TargetKind.Ready(server, port, Dialect.Plain, () => server.WaitForPort(port));
    }

    private static string Folder(string name) => Path.Combine(s_root, "artifacts/bench/peers", name);
}
