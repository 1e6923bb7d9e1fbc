using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Hosting;
using Realtime.PushStreams.Producing;
using Realtime.Settings;

namespace Realtime.PushStreams;

/// <summary>Adds push streams to silos and clients.</summary>
public static class PushStreamExtensions
{
    /// <summary>
    /// Adds a stream provider that pushes: nothing polls, events go to subscribers as they come. Add it under the same name to
    /// the clients that produce or subscribe.
    /// </summary>
    /// <exception cref="InvalidOperationException">The name is that of a stream provider of another kind.</exception>
    /// <exception cref="OptionsValidationException">At start, when a setting is out of its range.</exception>
    public static ISiloBuilder AddPushStreams(this ISiloBuilder silo, string name, Action<PushStreamOptions>? configure = null)
    {
        if (!silo.Services.TryAddProvider(name, configure))
            return silo;
        if (!silo.Services.Any(service => service.ServiceType == typeof(PushProviderName)))
            silo.AddGrainService<PushPump>(); // one for all providers
        silo.Services.AddSingleton(new PushProviderName(name));
        silo.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(services => new OnSilo(services, name));
        return silo;
    }

    /// <inheritdoc cref="AddPushStreams(ISiloBuilder, string, Action{PushStreamOptions}?)"/>
    public static IClientBuilder AddPushStreams(this IClientBuilder client, string name, Action<PushStreamOptions>? configure = null)
    {
        // Registered after the client's own service, so it stops before that.
        if (client.Services.TryAddProvider(name, configure))
            client.Services.AddSingleton<IHostedService>(services => new OnClient(services, name));
        return client;
    }

    private static bool TryAddProvider(this IServiceCollection services, string name, Action<PushStreamOptions>? configure)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        var isThere = services.Any(service => service.ServiceType == typeof(PushStreamProvider) && name.Equals(service.ServiceKey));
        if (!isThere && services.Any(service => service.ServiceType == typeof(IStreamProvider) && name.Equals(service.ServiceKey)))
            throw new InvalidOperationException($"There is another stream provider '{name}' already; give the push streams a name of their own.");
        services.AddOptions<PushStreamOptions>(name).Configure(options => configure?.Invoke(options)).ValidateOnStart();
        if (isThere)
            return false;
        services.AddSingleton<IValidateOptions<PushStreamOptions>>(new Validator(name));
        services.AddKeyedSingleton(name, static (services, key) => new PushStreamProvider(services, (string)key!));
        services.AddKeyedSingleton<IStreamProvider>(name, static (services, key) => services.GetRequiredKeyedService<PushStreamProvider>(key));
        return true;
    }

    private sealed class Validator(string provider) : IValidateOptions<PushStreamOptions>
    {
        public ValidateOptionsResult Validate(string? name, PushStreamOptions options)
        {
            if (name != provider)
                return ValidateOptionsResult.Skip;
            var problems = SettingsCheck.Problems($"Push streams '{provider}'", options);
            return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
        }
    }

    private sealed class OnSilo(IServiceProvider services, string name) : ILifecycleParticipant<ISiloLifecycle>
    {
        // The last to start and the first to stop: before the gateway tells its clients to go and before grains end.
        private const int Stage = ServiceLifecycleStage.Active + 1;

        public void Participate(ISiloLifecycle lifecycle)
        {
            lifecycle.Subscribe(nameof(PushStreams), Stage, _ => Task.CompletedTask, Stop);
            // When this stage stops, all grains have ended.
            lifecycle.Subscribe(nameof(PushStreams), ServiceLifecycleStage.ApplicationServices, _ => Task.CompletedTask, End);
        }

        private async Task Stop(CancellationToken cancellation)
        {
            if (cancellation.IsCancellationRequested)
                return;
            var provider = PushStreamProvider.Of(services, name);
            await provider.Drain(cancellation);
            await provider.Unsubscribe(cancellation);
        }

        private Task End(CancellationToken cancellation)
        {
            PushStreamProvider.Of(services, name).End();
            return Task.CompletedTask;
        }
    }

    private sealed class OnClient(IServiceProvider services, string name) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public async Task StopAsync(CancellationToken cancellationToken)
        {
            var provider = PushStreamProvider.Of(services, name);
            if (!cancellationToken.IsCancellationRequested)
            {
                await provider.Drain(cancellationToken);
                await provider.Unsubscribe(cancellationToken);
            }
            provider.End();
        }
    }
}
