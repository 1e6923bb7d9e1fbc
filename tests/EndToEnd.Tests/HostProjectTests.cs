using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Realtime.EndToEnd.Tests;

/// <summary>
/// An application of somebody else's, in a folder of its own, takes the front in beside its own page, settings and endpoints: it builds,
/// publishes and runs, and what is its own is as it was.
/// </summary>
public sealed partial class HostProjectTests : IDisposable
{
    private const string Page = "<!doctype html><title>The shop</title>", Settings = """{ "Shop": { "Greeting": "Good day" } }""";

    private const string Program = """
        using Orleans.Hosting;
        using Realtime.Silo;
        using Realtime.WebFront;

        var builder = WebApplication.CreateBuilder(args);
        builder.UseOrleans(silo => silo.UseSingleProcess().AddRealtime());
        builder.AddRealtimeFront();
        var app = builder.Build();
        app.UseDefaultFiles();
        app.UseStaticFiles();
        app.MapRealtime("/live");
        app.MapRealtimePages("/live");
        app.MapGet("/greeting", (IConfiguration settings) => settings["Shop:Greeting"]);
        app.MapPost("/orders", (Order order) => order);
        app.MapGet("/sold-out", () => Results.Problem("The shelves are empty.", statusCode: 409));
        app.Run();

        record Order(string? Name, int? Count);
        """;

    /// <summary>A build takes seconds; the rest is for a machine that is busy with other tests.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    private readonly string _folder = Directory.CreateTempSubdirectory("realtime-host-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task An_application_with_a_page_settings_and_endpoints_of_its_own_takes_a_front_in()
    {
        var published = await Publish();
        Assert.Equal(Page, File.ReadAllText(Path.Combine(published, "wwwroot", "index.html")));
        Assert.Equal(["index.html"], Directory.EnumerateFiles(Path.Combine(published, "wwwroot"), "*", SearchOption.AllDirectories)
            .Select(file => Path.GetFileName(file)).Where(file => Path.GetExtension(file) is not (".br" or ".gz")));
        Assert.Equal(Settings, File.ReadAllText(Path.Combine(published, "appsettings.json")));
        Assert.Equal(["appsettings.json"], Directory.EnumerateFiles(published, "appsettings*.json").Select(file => Path.GetFileName(file)));

        using var process = Process.Start(Dotnet(published, "Shop.dll", "--urls=http://127.0.0.1:0", "--environment=Development"))!;
        try
        {
            var address = await AddressOf(process).WaitAsync(s_patience);
            using var http = new HttpClient { BaseAddress = new Uri(address), Timeout = TimeSpan.FromSeconds(30) };
            await ItsOwnIsAsItWas(http);
            await TheFrontIsBelowItsPrefix(http);
            await ItsWebSocketWorks(new UriBuilder(address) { Scheme = "ws", Path = "/live/ws", Query = "user=alice" }.Uri);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync().WaitAsync(s_patience);
        }
    }

    private static async Task ItsOwnIsAsItWas(HttpClient http)
    {
        Assert.Equal(Page, await http.GetStringAsync("/"));
        Assert.Equal("Good day", await http.GetStringAsync("/greeting"));
        // A field that nobody knows is passed over, and null is written: the framework's options, not the front's.
        using var order = await http.PostAsync("/orders", new StringContent("""{"name":"tea","gift":true}""", Encoding.UTF8, "application/json"));
        Assert.Equal((HttpStatusCode.OK, """{"name":"tea","count":null}"""), (order.StatusCode, await order.Content.ReadAsStringAsync()));
        using var problem = await http.GetAsync("/sold-out");
        Assert.Equal(HttpStatusCode.Conflict, problem.StatusCode);
        Assert.Equal(["detail", "status", "title", "type"], (await problem.Content.ReadFromJsonAsync<Dictionary<string, object>>())!.Keys.Where(key => key != "traceId").Order());
        foreach (var elsewhere in new[] { "/nothing", "/ws", "/api/rooms", "/toolbox.html", "/health/live" })
        {
            using var answer = await http.GetAsync(elsewhere);
            Assert.Equal((elsewhere, HttpStatusCode.NotFound, ""), (elsewhere, answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        }
    }

    private static async Task TheFrontIsBelowItsPrefix(HttpClient http)
    {
        Assert.Contains("\"rooms\":[", await http.GetStringAsync("/live/api/rooms"));
        Assert.Contains("<html", await http.GetStringAsync("/live/toolbox.html"));
        using var refused = await http.GetAsync("/live/api/rooms/tea/nothing");
        Assert.Equal((HttpStatusCode.NotFound, true), (refused.StatusCode, (await refused.Content.ReadAsStringAsync()).Contains("\"code\":\"not_found\"")));
    }

    private static async Task ItsWebSocketWorks(Uri address)
    {
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(address, bound.Token);
        await socket.SendAsync(Encoding.UTF8.GetBytes("""{"type":"join","id":"1","room":"tea"}"""), WebSocketMessageType.Text, true, bound.Token);
        var buffer = new byte[4096];
        var received = await socket.ReceiveAsync(buffer, bound.Token);
        Assert.StartsWith("""{"type":"joined","id":"1","room":"tea",""", Encoding.UTF8.GetString(buffer, 0, received.Count));
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, bound.Token);
    }

    /// <summary>The project as its owner would write it, published with the libraries as they are built already.</summary>
    private async Task<string> Publish()
    {
        var source = Path.Combine(ScriptFolder.Repository(), "src");
        Write("Shop.csproj", $"""
            <Project Sdk="Microsoft.NET.Sdk.Web">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <UseAppHost>false</UseAppHost>
                <RunAnalyzers>false</RunAnalyzers>
              </PropertyGroup>
              <ItemGroup>
                <ProjectReference Include="{source}/WebFront/WebFront.csproj" />
                <ProjectReference Include="{source}/Silo/Silo.csproj" />
              </ItemGroup>
            </Project>
            """);
        Write("Program.cs", Program);
        Write("appsettings.json", Settings);
        Write("wwwroot/index.html", Page);

        var configuration = AppContext.BaseDirectory.TrimEnd('/').EndsWith("debug", StringComparison.Ordinal) ? "Debug" : "Release";
        using var process = Process.Start(Dotnet(_folder, "publish", "-c", configuration, "-o", "published", "--nologo", "-v", "q", "-p:BuildProjectReferences=false"))!;
        var output = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync()).WaitAsync(s_patience);
        await process.WaitForExitAsync().WaitAsync(s_patience);
        Assert.True(process.ExitCode == 0, string.Concat(output));
        return Path.Combine(_folder, "published");
    }

    private void Write(string name, string content)
    {
        var file = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
    }

    internal static ProcessStartInfo Dotnet(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        // As its owner has it: nothing of the tests' own environment decides.
        foreach (var name in new[] { "ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT", "ASPNETCORE_URLS", "ASPNETCORE_HTTP_PORTS", "MSBUILDSDKSPATH", "MSBuildExtensionsPath" })
            start.Environment.Remove(name);
        // No build server is left behind that holds the pipes of this one.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        return start;
    }

    private static async Task<string> AddressOf(Process process)
    {
        var output = new StringBuilder();
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            output.AppendLine(line);
            if (Listening().Match(line) is { Success: true } match)
            {
                _ = process.StandardOutput.ReadToEndAsync(); // or it would wait for a reader
                return match.Groups[1].Value;
            }
        }
        throw new InvalidOperationException($"It has not started:\n{output}{await process.StandardError.ReadToEndAsync()}");
    }

    [GeneratedRegex(@"Now listening on: (http://\S+)")]
    private static partial Regex Listening();
}
