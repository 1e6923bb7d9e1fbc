using System.Diagnostics;

namespace Realtime.Processes;

/// <summary>A program that is to be started.</summary>
/// <param name="Name">What it is called in lines for people.</param>
/// <param name="Folder">Where it runs.</param>
/// <param name="Program">A file, or a name that is looked for in the PATH.</param>
/// <param name="Arguments">Its command line, which every user of the machine can read.</param>
public sealed record ProcessStart(string Name, string Folder, string Program, params string[] Arguments)
{
    /// <summary>Added to the environment that it inherits, or removed from it where the value is null. Only its user and root can read it.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    /// <summary>The user as whom root starts it; its own when null.</summary>
    public string? User { get; init; }

    /// <summary>Gets each line that it writes, in order, from a thread of the pool; must not throw.</summary>
    public Action<string>? OnLine { get; init; }

    /// <summary>The same for what it writes to its standard error; <see cref="OnLine"/> gets that too when this is null.</summary>
    public Action<string>? OnError { get; init; }

    /// <summary>The port of loopback on which it serves HTTP; 0 when it does not.</summary>
    public int Port { get; init; }

    /// <summary>A server of this solution, of the same configuration as what runs here, in the Development environment.</summary>
    /// <param name="project">The folder's name, such as <c>Server</c>.</param>
    /// <param name="name">See <see cref="Name"/>.</param>
    /// <param name="port">Where it listens.</param>
    /// <param name="environment">Settings that are not for the command line, <c>Cluster:ConnectionString</c> for one.</param>
    /// <param name="arguments">Other settings.</param>
    /// <exception cref="InvalidOperationException">It is not built.</exception>
    public static ProcessStart OfServer(string project, string name, int port, IEnumerable<KeyValuePair<string, string?>> environment, params string[] arguments)
    {
        var program = Find(project);
        var all = new Dictionary<string, string?>
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Development",
            ["DOTNET_ENVIRONMENT"] = "Development",
            ["ASPNETCORE_URLS"] = null,
            ["ASPNETCORE_HTTP_PORTS"] = null,
            ["ASPNETCORE_HTTPS_PORTS"] = null,
            ["Limits__Enabled"] = "false", // what starts servers here asks for more, and faster, than clients may
        };
        foreach (var (key, value) in environment)
            all[key.Replace(":", "__")] = value;
        string[] urls = port == 0 ? [] : [$"--urls=http://127.0.0.1:{port}"];
        // In its own folder, where its settings file lies; by the `dotnet` of the PATH and not, as a name alone would be, the one that runs this program.
        return new ProcessStart(name, Path.GetDirectoryName(program)!, FindInPath("dotnet") ?? "dotnet", [program, .. urls, .. arguments]) { Environment = all, Port = port };
    }

    /// <summary>Where the PATH has a program; null when it is not installed.</summary>
    public static string? FindInPath(string program) =>
        (System.Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    /// <summary>The built program of a project of this solution, of the same configuration: <c>artifacts/bin/(project)/(configuration)/</c>.</summary>
    /// <exception cref="InvalidOperationException">It is not built.</exception>
    public static string Find(string project)
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        var program = Path.Combine(here.Parent!.Parent!.FullName, project, here.Name, $"Realtime.{project}.dll");
        return File.Exists(program) ? program : throw new InvalidOperationException($"{project} is not built: {program} is missing.");
    }

    internal ProcessStartInfo Info()
    {
        var info = new ProcessStartInfo(Program, Arguments)
        {
            WorkingDirectory = Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (User is not null)
            info.UserName = User;
        foreach (var (name, value) in Environment)
            info.Environment[name] = value;
        return info;
    }
}
