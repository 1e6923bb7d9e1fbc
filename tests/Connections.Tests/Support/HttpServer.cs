using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Realtime.Connections.Tests.Support;

/// <summary>What carries HTTP.</summary>
public enum Carrier
{
    /// <summary>This library's transport.</summary>
    Polled,

    /// <summary>ASP.NET Core's default, the reference for what is right.</summary>
    Sockets,
}

/// <summary>A real Kestrel on a free loopback port that serves nothing but HTTP.</summary>
public sealed class HttpServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Pollers _pollers;

    private HttpServer(WebApplication app, Pollers pollers)
    {
        _app = app;
        _pollers = pollers;
    }

    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    public IPEndPoint EndPoint => new(IPAddress.Loopback, Address.Port);

    public static async Task<HttpServer> StartAsync(Carrier carrier, RequestDelegate serve, Action<KestrelServerOptions>? configure = null,
        Action<ListenOptions>? listen = null, IPAddress? address = null)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || carrier == Carrier.Sockets, "The transport is for Linux.");
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrel(kestrel =>
        {
            configure?.Invoke(kestrel);
            kestrel.Listen(address ?? IPAddress.Loopback, 0, endpoint => listen?.Invoke(endpoint));
        });
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        var pollers = new Pollers(NullLogger.Instance);
        if (carrier == Carrier.Polled)
            builder.Services.AddSingleton<IConnectionListenerFactory>(services => new PolledListenerFactory(pollers, isEnabled: true,
                services.GetRequiredService<IOptions<SocketTransportOptions>>().Value, services.GetService<IMemoryPoolFactory<byte>>(), kestrels: null, NullLogger.Instance));
        var app = builder.Build();
        app.Run(serve);
        await app.StartAsync().Within();
        return new(app, pollers);
    }

    public static void UseTls(ListenOptions listen) => listen.UseHttps(Certificate());

    public HttpClient Client(Version? version = null)
    {
        var handler = new SocketsHttpHandler
        {
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(5),
            SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, _, _, _) => true },
        };
        return new(handler)
        {
            BaseAddress = Address,
            Timeout = TimeSpan.FromSeconds(60),
            DefaultRequestVersion = version ?? HttpVersion.Version11,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
    }

    public Task StopAsync(CancellationToken cancellationToken = default) => _app.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        using (var soon = new CancellationTokenSource(TimeSpan.FromSeconds(5)))
            await _app.StopAsync(soon.Token).Within(60);
        await _app.DisposeAsync();
        _pollers.Dispose();
    }

    private static X509Certificate2 Certificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
