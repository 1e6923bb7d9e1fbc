namespace Realtime.Bench.Servers;

/// <summary>A peer's own files: its source in bench/Peers, and in artifacts/bench/peers what it is built and run in.</summary>
internal static class PeerFolder
{
    private static readonly string s_root = Environment.GetEnvironmentVariable("REALTIME_ROOT") ?? Environment.CurrentDirectory; // set by ./realtime

    public static string Of(string name) => Path.Combine(s_root, "artifacts/bench/peers", name);

    /// <summary>Brings the source there; says whether any of it is new since the last time.</summary>
    public static bool Fill(string name)
    {
        var isNew = false;
        Directory.CreateDirectory(Of(name));
        foreach (var file in Directory.GetFiles(Path.Combine(s_root, "bench/Peers", name)))
        {
            var copy = Path.Combine(Of(name), Path.GetFileName(file));
            if (File.Exists(copy) && File.ReadAllBytes(copy).AsSpan().SequenceEqual(File.ReadAllBytes(file)))
                continue;
            File.Copy(file, copy, overwrite: true);
            isNew = true;
        }
        return isNew;
    }
}
