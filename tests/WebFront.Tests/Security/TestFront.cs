using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Tests.Security;

/// <summary>
/// A small server on a port of its own, with the security of a front and three endpoints: <c>/who</c> and <c>/ws</c> for
/// clients, <c>/api/thing</c> for services. Each answers with the user's name, and counts how often it was reached.
/// </summary>
internal sealed class TestFront : IAsyncDisposable
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(20);

    private readonly WebApplication _app;
    private int _reached;

    private TestFront(WebApplication app, LogCapture log) => (_app, Log) = (app, log);

    public LogCapture Log { get; }

    /// <summary>How often an endpoint was reached.</summary>
    public int Reached => Volatile.Read(ref _reached);

    public HttpClient Client { get; private set; } = null!;

    public Uri Address => Client.BaseAddress!;

    public IServiceProvider Services => _app.Services;

    /// <summary>The configuration of a front that trusts these keys.</summary>
    public static Dictionary<string, string?> Trusting(params Issuer[] issuers)
    {
        var settings = new Dictionary<string, string?>
        {
            [$"{BearerOptions.Section}:ValidIssuer"] = Issuer.Name,
            [$"{BearerOptions.Section}:ValidAudience"] = Issuer.Audience,
        };
        foreach (var (index, issuer) in issuers.Index())
        {
            var key = $"{BearerOptions.Section}:{(issuer.Secret is null ? "PublicKeys" : "SigningKeys")}:{index}";
            settings[$"{key}:Id"] = issuer.KeyId;
            settings[$"{key}:Value"] = issuer.Secret ?? issuer.Pem;
        }
        return settings;
    }

    /// <param name="environment">Its name.</param>
    /// <param name="settings">The configuration; by default none.</param>
    /// <param name="time">The clock; by default the system's.</param>
    /// <param name="before">Services added before the security.</param>
    /// <param name="after">Services added after it.</param>
    /// <param name="peer">The address that requests seem to come from; by default the real one, 127.0.0.1.</param>
    /// <param name="protocols">By default HTTP/1.1.</param>
    public static async Task<TestFront> StartAsync(
        string environment = "Production", Dictionary<string, string?>? settings = null, TimeProvider? time = null,
        Action<IServiceCollection>? before = null, Action<IServiceCollection>? after = null, IPAddress? peer = null,
        HttpProtocols protocols = HttpProtocols.Http1)
    {
        var log = new LogCapture();
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { EnvironmentName = environment, ContentRootPath = Path.GetTempPath() });
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(settings ?? []);
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Trace).AddProvider(log);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = protocols));
        if (time is not null)
            builder.Services.AddSingleton(time);
        before?.Invoke(builder.Services);
        builder.Services.AddRealtimeSecurity(builder.Configuration, builder.Environment);
        after?.Invoke(builder.Services);

        var app = builder.Build();
        var front = new TestFront(app, log);
        if (peer is not null)
            app.Use((context, next) =>
            {
                context.Connection.RemoteIpAddress = peer;
                return next(context);
            });
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseWebSockets();
        app.Map("/who", front.Who).RequireAuthorization(RealtimePolicies.Client);
        app.Map("/api/thing", front.Who).RequireAuthorization(RealtimePolicies.Publish);
        app.Map("/ws", front.Greet).RequireAuthorization(RealtimePolicies.Client);
        try
        {
            await app.StartAsync().WaitAsync(s_bound);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        front.Client = new HttpClient { BaseAddress = new Uri(address), Timeout = s_bound };
        return front;
    }

    public async Task<Answer> GetAsync(string path, string? token = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        return await SendAsync(request, token, headers);
    }

    public async Task<Answer> PostAsync(string path, string? token = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        return await SendAsync(request, token, headers);
    }

    private async Task<Answer> SendAsync(HttpRequestMessage request, string? token, (string Name, string Value)[] headers)
    {
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach (var (name, value) in headers)
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        using var response = await Client.SendAsync(request);
        return await Answer.ReadAsync(response);
    }

    /// <summary>Opens a WebSocket, and returns the name that the server greets with.</summary>
    public async Task<string> ConnectAsync(string query, string? token = null, Version? version = null, params string[] subprotocols)
    {
        using var bound = new CancellationTokenSource(s_bound);
        using var socket = new ClientWebSocket();
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler());
        if (token is not null)
            socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        foreach (var subprotocol in subprotocols)
            socket.Options.AddSubProtocol(subprotocol);
        if (version is not null)
        {
            socket.Options.HttpVersion = version;
            socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        }
        socket.Options.CollectHttpResponseDetails = true;
        try
        {
            await socket.ConnectAsync(new Uri($"ws://{Address.Authority}/ws{query}"), invoker, bound.Token);
        }
        catch (WebSocketException) when (socket.HttpStatusCode != 0)
        {
            return $"{(int)socket.HttpStatusCode}";
        }
        var buffer = new byte[256];
        var received = await socket.ReceiveAsync(buffer, bound.Token);
        return System.Text.Encoding.UTF8.GetString(buffer, 0, received.Count);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }

    private string Who(HttpContext context)
    {
        Interlocked.Increment(ref _reached);
        return context.User.Identity?.Name ?? "(nobody)";
    }

    private async Task Greet(HttpContext context)
    {
        var name = Who(context);
        using var socket = await context.WebSockets.AcceptWebSocketAsync(context.WebSockets.WebSocketRequestedProtocols is ["other", ..] ? "other" : null);
        await socket.SendAsync(System.Text.Encoding.UTF8.GetBytes(name), WebSocketMessageType.Text, true, context.RequestAborted);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
    }
}
