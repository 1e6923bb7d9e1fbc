using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Orleans.Streams;

namespace Realtime.SignalR.Tests;

/// <summary>Hubs stay as they are.</summary>
internal sealed class ChatHub(HubServer server) : Hub
{
    public override Task OnConnectedAsync() => server.Connected(Context.ConnectionId);

    public override async Task OnDisconnectedAsync(Exception? exception)
    {
        await base.OnDisconnectedAsync(exception);
        server.Disconnected(Context.ConnectionId);
    }

    public Task Join(string group) => Groups.AddToGroupAsync(Context.ConnectionId, group);

    public Task Leave(string group) => Groups.RemoveFromGroupAsync(Context.ConnectionId, group);

    public Task ToOthers(string group, string text) => Clients.OthersInGroup(group).SendAsync("say", text);
}

/// <summary>Who a client is, is in its address.</summary>
internal sealed class UserOfQuery : IUserIdProvider
{
    public string? GetUserId(HubConnectionContext connection) => connection.GetHttpContext()?.Request.Query["user"];
}

/// <summary>A web server with the hub, on real Kestrel, whose process is a silo or a client of the cluster.</summary>
internal sealed class HubServer : IAsyncDisposable
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, TaskCompletionSource> _gone = new();
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, TaskCompletionSource> _here = new();
    private readonly WebApplication _app;

    private HubServer(IServiceProvider process, Action<BackplaneOptions>? configure, string? environment)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { EnvironmentName = environment ?? "Production" });
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(this);
        builder.Services.AddSingleton<IUserIdProvider, UserOfQuery>();
        // What UseOrleans and UseOrleansClient put there.
        builder.Services.AddSingleton(process.GetRequiredService<IGrainFactory>());
        if (process.GetKeyedService<IStreamProvider>(HubStreams.Provider) is { } streams)
            builder.Services.AddKeyedSingleton(HubStreams.Provider, streams);
        builder.Services.AddSignalR(options => options.EnableDetailedErrors = true).AddMessagePackProtocol().AddRealtimeBackplane(configure);
        _app = builder.Build();
        _app.MapHub<ChatHub>("/hub");
    }

    public IHubContext<ChatHub> Hub => _app.Services.GetRequiredService<IHubContext<ChatHub>>();

    public IHubClients Clients => Hub.Clients;

    public IGroupManager Groups => Hub.Groups;

    public Backplane Backplane => _app.Services.GetRequiredService<BackplaneService>().Of<ChatHub>(null!);

    public string Address { get; private set; } = "";

    public static async Task<HubServer> Start(IServiceProvider process, Action<BackplaneOptions>? configure = null)
    {
        var server = new HubServer(process, configure, null);
        await server._app.StartAsync();
        server.Address = server._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return server;
    }

    public async Task<HubClient> Connect(string? user = null, bool messagePack = false)
    {
        var client = new HubClient($"{Address}/hub?user={user}", messagePack);
        await client.Start();
        // The client may go on before the hub has it.
        await _here.GetOrAdd(client.Id, _ => NewSignal()).Task.WaitAsync(Wait.Bound);
        return client;
    }

    public Task Connected(string connection)
    {
        _gone.TryAdd(connection, NewSignal());
        _here.GetOrAdd(connection, _ => NewSignal()).TrySetResult();
        return Task.CompletedTask;
    }

    public void Disconnected(string connection) => _gone[connection].TrySetResult();

    /// <summary>Completes when the hub has heard that a connection is gone.</summary>
    public Task Gone(string connection) => _gone[connection].Task.WaitAsync(Wait.Bound);

    /// <summary>The connections that are here.</summary>
    public string[] Present => [.. _gone.Where(entry => !entry.Value.Task.IsCompleted).Select(entry => entry.Key)];

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
