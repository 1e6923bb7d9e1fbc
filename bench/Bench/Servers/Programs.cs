using System.Diagnostics;
using Realtime.Processes;

namespace Realtime.Bench.Servers;

/// <summary>Programs of the system that peers need.</summary>
internal static class Programs
{
    /// <summary>Where a program is; null when it is not installed.</summary>
    public static string? Find(string name) =>
        ProcessStart.FindInPath(name) ?? new[] { $"/usr/sbin/{name}" }.FirstOrDefault(File.Exists); // not in everybody's path, but Debian's servers are there

    /// <summary>Runs a program to its end; null when it ended well and in time, or else what it said last.</summary>
    public static string? Run(string folder, TimeSpan bound, string program, string[] arguments, params (string Name, string Value)[] environment)
    {
        var (isDone, text) = Finish(folder, bound, program, arguments, environment);
        return isDone ? null : text.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault() ?? "it did not end well";
    }

    /// <summary>What a program says, at once and in one line, such as its version.</summary>
    public static string Ask(string program, params string[] arguments) =>
        Finish(Path.GetTempPath(), TimeSpan.FromSeconds(10), program, arguments).Text.Trim();

    private static (bool IsDone, string Text) Finish(
        string folder, TimeSpan bound, string program, string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(Find(program) ?? program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var texts = Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        if (!process.WaitForExit(bound))
        {
            process.Kill(entireProcessTree: true);
            return (false, $"not done in {bound.TotalSeconds} s");
        }
        return (process.ExitCode == 0, string.Concat(texts.GetAwaiter().GetResult()));
    }
}
