using System.Diagnostics;
using Realtime.Client.Tests;

namespace Realtime.EndToEnd.Tests;

/// <summary>A program with the .NET client, compiled ahead of time with all that the client has: it meets a front, with and without a WebSocket.</summary>
public sealed class AotTests : IDisposable
{
    /// <summary>It takes half a minute; the rest is for a machine that is busy with other tests.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    private static readonly string[] s_linkers = ["clang", "gcc"];

    private readonly string _folder = Directory.CreateTempSubdirectory("realtime-aot-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_program_that_is_compiled_ahead_of_time_sends_and_receives()
    {
        var program = await Publish();
        var room = $"room-{Guid.NewGuid():N}";
        await using var front = await FrontProcess.StartAsync();
        await using var proxy = new UpgradeProxy(new(front.Address), UpgradeProxy.Mind.Refuses);
        Assert.EndsWith("ada: one\n", await Run(program, front.Address, room, "ada", "one\n"));
        var shown = await Run(program, $"http://{proxy.Address.Authority}", room, "bob", "two\n");
        Assert.Equal(["ada: one", "bob: two"], shown.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line[(line.IndexOf(' ') + 1)..]));
        Assert.True(proxy.Requests > 1);
    }

    /// <summary>The sample, as its owner would publish it. Every warning of the compiler, and of what trims, is an error; without a linker it is trimmed only.</summary>
    private async Task<string> Publish()
    {
        var canLink = s_linkers.Any(name => Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, name))));
        var repository = ScriptFolder.Repository();
        await File.WriteAllTextAsync(Path.Combine(_folder, "Terminal.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <TrimmerSingleWarn>false</TrimmerSingleWarn>
                <InvariantGlobalization>true</InvariantGlobalization>
                <{(canLink ? "PublishAot" : "PublishTrimmed")}>true</{(canLink ? "PublishAot" : "PublishTrimmed")}>
                <TrimMode>full</TrimMode>
                <SelfContained>true</SelfContained>
              </PropertyGroup>
              <ItemGroup>
                <Compile Include="{repository}/samples/Terminal/Program.cs" />
                <ProjectReference Include="{repository}/clients/dotnet/Realtime.Client.csproj" />
                <TrimmerRootAssembly Include="Realtime.Client" />
              </ItemGroup>
            </Project>
            """);
        var configuration = AppContext.BaseDirectory.TrimEnd('/').EndsWith("debug", StringComparison.Ordinal) ? "Debug" : "Release";
        await Output(HostProjectTests.Dotnet(_folder, "publish", "-c", configuration, "-o", "published", "--use-current-runtime", "--nologo", "-v", "q", "-p:BuildProjectReferences=false"), "");
        var program = Path.Combine(_folder, "published", "Terminal");
        Assert.Equal(canLink, !File.Exists($"{program}.dll"));
        return program;
    }

    private Task<string> Run(string program, string address, string room, string user, string input) =>
        Output(new ProcessStartInfo(program, [address, room, user]) { WorkingDirectory = _folder, RedirectStandardOutput = true, RedirectStandardError = true }, input);

    private static async Task<string> Output(ProcessStartInfo start, string input)
    {
        start.RedirectStandardInput = true;
        using var process = Process.Start(start)!;
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
            var output = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync()).WaitAsync(s_patience);
            await process.WaitForExitAsync().WaitAsync(s_patience);
            Assert.True(process.ExitCode == 0, $"{start.FileName} ended with {process.ExitCode}:\n{string.Concat(output)}");
            return output[0];
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }
}
