using System.Net;
using System.Net.Sockets;

namespace Realtime.EmbeddedOrleans.Tests.Conformance;

public interface ILoginGrain : IGrainWithIntegerKey
{
    Task<string> Describe();
}

public sealed class LoginGrain(GreetingService greetings, IGrainFactory factory, ILocalSiloDetails silo) : Grain, ILoginGrain
{
    public Task<string> Describe() =>
        Task.FromResult($"{greetings.Greeting} {this.GetPrimaryKeyLong()} {factory.GetGrain<ILoginGrain>(7).GetPrimaryKeyLong()} {ReferenceEquals(greetings, ServiceProvider.GetService<GreetingService>())} {silo.Name.Length > 0}");
}

public sealed record GreetingService(string Greeting);

public sealed class Workspace : IDisposable
{
    public Guid Id { get; } = Guid.NewGuid();

    public bool IsDisposed { get; private set; }

    public void Dispose() => IsDisposed = true;
}

public interface IScopedGrain : IGrainWithStringKey
{
    Task<Guid> Workspace();

    Task End();
}

public sealed class ScopedGrain(Workspace workspace, IServiceProvider services) : Grain, IScopedGrain
{
    public static readonly System.Collections.Concurrent.ConcurrentDictionary<Guid, Workspace> All = new();

    public Task<Guid> Workspace()
    {
        All[workspace.Id] = workspace;
        Assert.Same(workspace, services.GetRequiredService<Workspace>());
        Assert.Same(workspace, ServiceProvider.GetRequiredService<Workspace>());
        return Task.FromResult(workspace.Id);
    }

    public Task End()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}

/// <summary>A silo in an ordinary host.</summary>
public sealed class HostTests
{
    [Fact]
    public async Task A_host_has_a_silo_and_gives_its_services_to_grains()
    {
        var order = new List<string>();
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddSingleton(new GreetingService("hello"));
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering(FreePort(), FreePort())
            .AddMemoryStreams("s")
            .AddMemoryGrainStorage("PubSubStore")
            .AddStartupTask(async (services, _) => order.Add(await services.GetRequiredService<IGrainFactory>().GetGrain<ILoginGrain>(1).Describe())));
        using var host = builder.Build();
        await host.StartAsync().Soon();
        order.Add(await host.Services.GetRequiredService<IClusterClient>().GetGrain<ILoginGrain>(2).Describe().Soon());
        Assert.NotNull(host.Services.GetRequiredService<IClusterClient>().GetStreamProvider("s"));
        await host.StopAsync().Soon();
        Assert.Equal(["hello 1 7 True True", "hello 2 7 True True"], order);
    }

    [Fact]
    public async Task An_activation_has_a_scope_of_its_own_that_ends_with_it()
    {
        await using var cluster = new InProcessTestClusterBuilder(1)
            .ConfigureSiloHost((_, builder) => builder.Services.AddScoped<Workspace>())
            .Build();
        await cluster.DeployAsync();
        var (one, other) = (cluster.Client.GetGrain<IScopedGrain>("one"), cluster.Client.GetGrain<IScopedGrain>("other"));
        var workspace = await one.Workspace().Soon();
        Assert.Equal(workspace, await one.Workspace().Soon());
        Assert.NotEqual(workspace, await other.Workspace().Soon());
        var ended = cluster.WaitForDeactivationAsync(one);
        await one.End().Soon();
        await ended.Soon();
        await Wait.Until(() => Task.FromResult(ScopedGrain.All[workspace].IsDisposed));
        Assert.NotEqual(workspace, await one.Workspace().Soon());
    }

    [Fact]
    public async Task A_web_application_has_a_silo_too()
    {
        var builder = Microsoft.AspNetCore.Builder.WebApplication.CreateBuilder(new Microsoft.AspNetCore.Builder.WebApplicationOptions { EnvironmentName = Environments.Development });
        builder.Services.AddSingleton(new GreetingService("web"));
        builder.UseOrleans(silo => silo.UseLocalhostClustering(FreePort(), FreePort()));
        await using var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        await app.StartAsync().Soon();
        Assert.Equal("web 3 7 True True", await app.Services.GetRequiredService<IGrainFactory>().GetGrain<ILoginGrain>(3).Describe().Soon());
        await app.StopAsync().Soon();
    }

    [Fact]
    public void A_host_has_a_silo_or_a_client_not_both()
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleans(silo => silo.UseLocalhostClustering());
        Assert.Throws<OrleansConfigurationException>(() => builder.UseOrleansClient(client => client.UseLocalhostClustering()));
    }

    [Fact]
    public async Task A_startup_task_that_fails_fails_the_start()
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering(FreePort(), FreePort())
            .AddStartupTask((_, _) => throw new NotSupportedException("This host shall not start.")));
        using var host = builder.Build();
        Assert.Contains("This host shall not start.", (await Assert.ThrowsAnyAsync<Exception>(() => host.StartAsync().Soon())).ToString(), StringComparison.Ordinal);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
