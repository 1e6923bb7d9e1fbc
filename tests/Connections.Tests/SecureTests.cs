using System.Collections.Concurrent;
using System.Net;
using System.Net.Http;
using System.Net.Security;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>TLS and WebSockets over HTTP/2 (RFC 8441), which take the portable path by themselves.</summary>
public class SecureTests
{
    private static readonly X509Certificate2 s_certificate = MakeCertificate();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Echo_over_tls(int version)
    {
        await using var server = await StartAsync(Server.Echo);
        using var client = await ConnectAsync(server, version);
        Assert.Equal("hello", await client.EchoAsync("hello"));
        foreach (int size in new[] { 0, 125, 126, 65_535, 65_536, 1_000_000 })
            Assert.Equal(size, (await client.EchoAsync(new string('x', size))).Length);
        await client.CloseAsync(4321, "bye");
        Assert.Equal(4321, (int)client.CloseStatus!);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Server_close_and_abort_over_tls(int version)
    {
        var recorder = new Recorder();
        await using var server = await StartAsync(null, recorder);
        using var closed = await ConnectAsync(server, version);
        var closing = (await recorder.ConnectionAsync()).CloseAsync(4002, "out");
        await closed.AssertClosedAsync(4002, "out");
        await closing.Within();
        using var aborted = await ConnectAsync(server, version);
        (await recorder.ConnectionAsync()).Abort();
        await Assert.ThrowsAsync<WebSocketException>(() => aborted.ReceiveMessageAsync());
        await recorder.Until("closed 1006 ");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_broadcast_over_tls_arrives_in_order(int version)
    {
        await using var server = await StartAsync(Server.Echo);
        var clients = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => ConnectAsync(server, version)));
        await Waiting.Until(() => server.Registry.Count == 20);
        const int count = 200;
        var reading = clients.Select(client => Task.Run(async () =>
        {
            for (int i = 0; i < count; i++)
                Assert.Equal($"{i}", await client.ReceiveTextAsync());
        })).ToArray();
        for (int i = 0; i < count; i++)
            Assert.Equal(20, server.Registry.BroadcastText($"{i}"));
        await Task.WhenAll(reading).Within();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_host_that_stops_closes_with_1001_over_tls(int version)
    {
        await using var server = await StartAsync(Server.Echo);
        using var client = await ConnectAsync(server, version);
        await Waiting.Until(() => server.Registry.Count == 1);
        var stopping = server.StopAsync();
        await client.AssertClosedAsync(1001);
        await stopping.Within();
    }

    [Fact]
    public async Task Http2_without_tls()
    {
        await using var server = await Server.StartAsync(Path.Polled, app => app.MapConnections("/ws", Server.Echo),
            listen: endpoint => endpoint.Protocols = HttpProtocols.Http2);
        using var client = await ConnectAsync(server, 2);
        Assert.Equal("hello", await client.EchoAsync("hello"));
        await client.CloseAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Limits_that_are_meant_for_requests_do_not_end_it(int version)
    {
        await using var server = await StartAsync(Server.Echo, build: builder =>
        {
            builder.Services.AddRequestTimeouts(timeouts => timeouts.DefaultPolicy = new() { Timeout = TimeSpan.FromSeconds(1) });
            builder.WebHost.ConfigureKestrel(kestrel =>
            {
                kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(1);
                kestrel.Limits.MinRequestBodyDataRate = new(bytesPerSecond: 100_000, gracePeriod: TimeSpan.FromSeconds(1.1));
                kestrel.Limits.MinResponseDataRate = new(bytesPerSecond: 100_000, gracePeriod: TimeSpan.FromSeconds(1.1));
                kestrel.Limits.MaxRequestBodySize = 100;
            });
        }, use: app => app.UseRequestTimeouts());
        using var client = await ConnectAsync(server, version);
        Assert.Equal(1000, (await client.EchoAsync(new string('x', 1000))).Length);
        await Task.Delay(3500); // the server's own clock keeps these limits, to a second each
        Assert.Equal("still here", await client.EchoAsync("still here"));
    }

    [Fact]
    public async Task A_plain_request_over_http2_is_told_what_to_send()
    {
        using var log = new Warnings();
        await using var server = await StartAsync(Server.Echo, build: builder => builder.Logging.AddProvider(log));
        using var http = new HttpClient(Trusting()) { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var response = await http.GetAsync(new Uri(server.Address, "/ws")).Within();
        Assert.Equal(HttpStatusCode.UpgradeRequired, response.StatusCode);
        Assert.Empty(log.Lines); // of header fields that HTTP/2 does not have
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // in pieces of one byte
    public async Task Who_failed_and_answers_the_close_is_let_go_at_once(bool pieces)
    {
        // The server's time stands still: no bound ends it.
        await using var server = await StartAsync(Server.Echo, build: builder => builder.UseTime(new ManualTimeProvider()));
        using var raw = await RawClient.OpenAsync(server.EndPoint);
        await using var tls = new SslStream(new NetworkStream(raw.Socket), leaveInnerStreamOpen: true, (_, _, _, _) => true);
        await tls.AuthenticateAsClientAsync("localhost").Within();
        await tls.WriteAsync(Encoding.ASCII.GetBytes(RawClient.UpgradeRequest())).Within();
        var bytes = new byte[4096];
        int length = 0;
        while (bytes.AsSpan(0, length).IndexOf("\r\n\r\n"u8) < 0)
            length += await tls.ReadAtLeastAsync(bytes.AsMemory(length), 1).Within();
        await tls.WriteAsync(RawClient.Frame(0x83, "reserved"u8)).Within();
        await tls.ReadAtLeastAsync(bytes, 4).Within();
        Assert.Equal(0x88, bytes[0]);
        Assert.Equal(1002, bytes[2] << 8 | bytes[3]);
        var answer = RawClient.Close(1002, "you said so");
        foreach (var piece in pieces ? answer.Chunk(1) : [answer])
            await tls.WriteAsync(piece).Within();
        Assert.Equal(0, await tls.ReadAsync(bytes).Within());
    }

    private static Task<Server> StartAsync(Func<Connection, Task>? function, Recorder? recorder = null,
        Action<WebApplicationBuilder>? build = null, Action<WebApplication>? use = null) => Server.StartAsync(Path.Polled, app =>
    {
        use?.Invoke(app);
        if (function is not null)
            app.MapConnections("/ws", function);
        else
            app.MapConnections<Recorder>("/ws");
    }, build: builder =>
    {
        builder.WebHost.UseKestrelHttpsConfiguration();
        if (recorder is not null)
            builder.AddHandler(recorder);
        build?.Invoke(builder);
    }, listen: endpoint => endpoint.UseHttps(s_certificate));

    private static async Task<ClientWebSocket> ConnectAsync(Server server, int version)
    {
        var socket = new ClientWebSocket();
        socket.Options.HttpVersion = new Version(version, version == 1 ? 1 : 0);
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.KeepAliveInterval = TimeSpan.Zero;
        await socket.ConnectAsync(server.Ws(), new HttpMessageInvoker(Trusting()), default).Within();
        return socket;
    }

    private static SocketsHttpHandler Trusting() => new() { SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, _, _, _) => true } };

    private static X509Certificate2 MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }

    private sealed class Warnings : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                Lines.Enqueue(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}
