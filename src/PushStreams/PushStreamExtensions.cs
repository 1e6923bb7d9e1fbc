using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Hosting;
using Realtime.PushStreams.Producing;

namespace Realtime.PushStreams;

/// <summary>Adds push streams to silos and clients.</summary>
public static class PushStreamExtensions
{
    /// <summary>
    /// Adds a stream provider that pushes: nothing polls, events go to subscribers as they come. Add it under the same name to
    /// the clients that produce or subscribe.
    /// </summary>
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
        services.AddOptions<PushStreamOptions>(name).Configure(options => configure?.Invoke(options)).ValidateOnStart();
        if (services.Any(service => service.ServiceType == typeof(IStreamProvider) && name.Equals(service.ServiceKey)))
            return false;
        services.AddSingleton<IValidateOptions<PushStreamOptions>>(new Validator(name));
        services.AddKeyedSingleton<IStreamProvider>(name, static (services, key) => new PushStreamProvider(services, (string)key!));
        return true;
    }

    private sealed class Validator(string provider) : IValidateOptions<PushStreamOptions>
    {
        public ValidateOptionsResult Validate(string? name, PushStreamOptions options)
        {
            if (name != provider)
                return ValidateOptionsResult.Skip;
            string[] problems = [.. options.Problems(provider)];
            return problems.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
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

        private Task Stop(CancellationToken cancellation) =>
            cancellation.IsCancellationRequested ? Task.CompletedTask : PushStreamProvider.Of(services, name).Drain(cancellation);

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
                await provider.Drain(cancellationToken);
            provider.End();
        }
    }
}
