using System.Text.Json;
using Realtime.Bench.Load;
using Realtime.Processes;

namespace Realtime.Bench.Servers;

/// <summary>A peer that runs in Node; its packages are fetched once, into artifacts/bench.</summary>
internal static class NodePeer
{
    /// <summary>Why it cannot be started here; null when it can.</summary>
    public static string? Missing(string name)
    {
        foreach (var program in new[] { "node", "npm" })
        {
            if (Programs.Find(program) is null)
                return $"{program} is not installed";
        }
        // What npm writes last.
        var done = Path.Combine(PeerFolder.Of(name), "node_modules/.package-lock.json");
        var isNew = PeerFolder.Fill(name);
        if (File.Exists(done))
        {
            if (!isNew)
                return null;
            File.Delete(done);
        }
        var problem = Programs.Run(PeerFolder.Of(name), TimeSpan.FromMinutes(1), "npm", ["install", "--silent", "--no-fund", "--no-audit"]);
        return problem is null ? null : $"npm cannot fetch its package: {problem}";
    }

    public static string Version(string name, string package)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(PeerFolder.Of(name), "node_modules", package, "package.json")));
        return $"{package} {json.RootElement.GetProperty("version").GetString()} (Node {Programs.Ask("node", "--version").TrimStart('v')})";
    }

    public static Target Start(string name, Dialect dialect)
    {
        var port = Ports.Free();
        var server = MeasuredProcess.Start(PeerFolder.Of(name), "node", ["server.js", $"{port}"]);
        return TargetKind.Ready(server, port, dialect, () => server.WaitForPort(port));
    }
}
