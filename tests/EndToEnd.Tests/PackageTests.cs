using System.Diagnostics;
using System.IO.Compression;

namespace Realtime.EndToEnd.Tests;

/// <summary>What somebody gets who has nothing of this repository but its packages.</summary>
public sealed class PackageTests : IDisposable
{
    /// <summary>A build takes seconds; the rest is for a machine that is busy with other tests.</summary>
    private static readonly TimeSpan s_bound = TimeSpan.FromMinutes(5);

    private readonly string _folder = Directory.CreateTempSubdirectory("realtime-packages-").FullName;

    private string Packages => Path.Combine(_folder, "packages");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task An_application_made_from_the_template_builds_from_the_packages_and_passes_its_tests()
    {
        await Dotnet(ScriptFolder.Repository(), "pack", "Realtime.sln", "--configuration", "Release", "--no-build", "--output", Packages);
        Assert.Equal(
            ["Realtime.Client", "Realtime.Connections", "Realtime.Grains.Abstractions", "Realtime.PushStreams", "Realtime.Settings", "Realtime.SignalR", "Realtime.Silo", "Realtime.Templates", "Realtime.WebFront"],
            Directory.EnumerateFiles(Packages, "*.nupkg").Select(Id).Order());
        Assert.All(Directory.EnumerateFiles(Packages, "*.nupkg"), AssertHasWhatAPackageHas);

        var hive = Path.Combine(_folder, "hive");
        await Dotnet(_folder, "new", "install", Directory.EnumerateFiles(Packages, "Realtime.Templates.*").Single(), "--debug:custom-hive", hive);
        await Dotnet(_folder, "new", "realtime", "--output", "Shop", "--debug:custom-hive", hive);
        var tests = await Dotnet(Path.Combine(_folder, "Shop"), "test");
        Assert.Contains("succeeded: 1", tests, StringComparison.Ordinal);
    }

    /// <summary>The name of a package's file without its version, which begins with the first part that is a number.</summary>
    private static string Id(string file) => string.Join('.', Path.GetFileName(file).Split('.').TakeWhile(part => !char.IsAsciiDigit(part[0])));

    private static void AssertHasWhatAPackageHas(string file)
    {
        using var package = ZipFile.OpenRead(file);
        var names = package.Entries.Select(entry => entry.FullName).ToHashSet();
        Assert.Contains("README.md", names);
        Assert.Contains("icon.png", names);
        using var reader = new StreamReader(package.GetEntry($"{Id(file)}.nuspec")!.Open());
        Assert.Contains("""<license type="expression">MIT</license>""", reader.ReadToEnd(), StringComparison.Ordinal);
        if (Id(file) == "Realtime.Templates")
            return;
        Assert.Contains($"lib/net10.0/{Id(file)}.xml", names);
        Assert.True(File.Exists(Path.ChangeExtension(file, ".snupkg")), $"{file} has no symbols.");
    }

    private async Task<string> Dotnet(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        // Ours come from the folder and go nowhere else; those of others are taken from where they are already.
        start.Environment["RestoreAdditionalProjectSources"] = Packages;
        start.Environment["RestorePackagesPath"] = Path.Combine(_folder, "restored");
        start.Environment["RestoreFallbackFolders"] = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        // What a test host or a build tells its children would reach these builds as well.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray())
            start.Environment.Remove(name);
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using var process = Process.Start(start)!;
        try
        {
            var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            await process.WaitForExitAsync().WaitAsync(s_bound);
            var all = await output.WaitAsync(s_bound) + await error.WaitAsync(s_bound);
            Assert.True(process.ExitCode == 0, $"dotnet {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{all}");
            return all;
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }
}
