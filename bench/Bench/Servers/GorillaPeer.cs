using Realtime.Bench.Load;
using Realtime.Processes;

namespace Realtime.Bench.Servers;

/// <summary>gorilla/websocket, built with the machine's Go from Debian's package or, without that, from a module that Go fetches.</summary>
internal static class GorillaPeer
{
    private const string Name = "gorilla";
    private const string DebianSources = "/usr/share/gocode";

    /// <summary>Why it cannot be started here; null when it can.</summary>
    public static string? Missing()
    {
        if (Programs.Find("go") is null)
            return "go is not installed";
        var folder = PeerFolder.Of(Name);
        if (!PeerFolder.Fill(Name) && File.Exists(Path.Combine(folder, Name)))
            return null;
        File.Delete(Path.Combine(folder, Name));
        var isDebian = Directory.Exists(Path.Combine(DebianSources, "src/github.com/gorilla/websocket"));
        string[] options = isDebian ? ["main.go"] : ["-mod=mod", "."]; // mod: Go writes down itself what it has fetched
        var problem = Programs.Run(folder, TimeSpan.FromMinutes(2), "go", ["build", "-o", Name, .. options],
        [
            ("GOCACHE", Path.Combine(folder, "cache")), .. isDebian ? [("GO111MODULE", "off"), ("GOPATH", DebianSources)] : Array.Empty<(string, string)>(),
        ]);
        return problem is null ? null
            : $"go cannot build it{(isDebian ? "" : ", and Debian's golang-github-gorilla-websocket-dev is not installed")}: {problem}";
    }

    // "go version go1.19.8 linux/amd64"; Debian's sources do not tell theirs.
    public static string Version() => $"gorilla/websocket (Go {Programs.Ask("go", "version").Split(' ')[2][2..]})";

    public static Target Start()
    {
        var port = Ports.Free();
        var folder = PeerFolder.Of(Name);
        var server = MeasuredProcess.Start(folder, Path.Combine(folder, Name), [$"{port}"]);
        return TargetKind.Ready(server, port, Dialect.Plain, () => server.WaitForPort(port));
    }
}
