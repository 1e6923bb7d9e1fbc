using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Realtime.WebFront.Tests.Security;

/// <summary>An issuer's server on the loopback: its metadata and its key set, which a test changes.</summary>
internal sealed class IssuerServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _reads;

    private IssuerServer(WebApplication app) => _app = app;

    /// <summary>How often the key set was asked for.</summary>
    public int Reads => Volatile.Read(ref _reads);

    public string Address { get; private set; } = null!;

    /// <summary>The key set; null: the server answers 503.</summary>
    public string? Jwks { get; set; }

    /// <summary>Answers wait for it.</summary>
    public TaskCompletionSource Held { get; set; } = Completed();

    public static async Task<IssuerServer> StartAsync(string? jwks, int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        var app = builder.Build();
        var server = new IssuerServer(app) { Jwks = jwks };
        app.MapGet("/.well-known/openid-configuration", () => Results.Text(
            $$"""{"issuer":"{{Issuer.Name}}","jwks_uri":"{{server.Address}}/keys"}""", "application/json"));
        app.MapGet("/keys", async () =>
        {
            Interlocked.Increment(ref server._reads);
            await server.Held.Task;
            return server.Jwks is { } keys ? Results.Text(keys, "application/json") : Results.StatusCode(503);
        });
        await app.StartAsync();
        server.Address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        Held.TrySetResult();
        await _app.DisposeAsync();
    }

    private static TaskCompletionSource Completed()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }
}
