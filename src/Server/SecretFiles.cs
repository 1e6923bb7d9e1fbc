using Microsoft.Extensions.Configuration.KeyPerFile;
using Microsoft.Extensions.FileProviders;
using Realtime.Silo.Hosting;

namespace Realtime.Server;

/// <summary>
/// Settings that are files, as Docker and Kubernetes mount secrets: named like variables of the environment
/// (<c>Cluster__ConnectionString</c>), with the value in them. All other sources count more.
/// </summary>
internal static class SecretFiles
{
    private const string Setting = "Secrets";
    private const string Folder = "/run/secrets";

    /// <exception cref="StartException">The folder is named, and is not there.</exception>
    public static void Add(ConfigurationManager configuration)
    {
        var named = configuration[Setting];
        if (named is not null && !Directory.Exists(named))
            throw new StartException($"{Setting} is '{named}'; it must be a folder, whose files are settings.");
        var folder = Path.GetFullPath(named ?? Folder);
        if (Directory.Exists(folder))
            configuration.Sources.Insert(0, new KeyPerFileConfigurationSource { FileProvider = new PhysicalFileProvider(folder), Optional = true, IgnorePrefix = "." });
    }
}
