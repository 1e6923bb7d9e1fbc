namespace Realtime.Server;

/// <summary>
/// Starts what joins the cluster behind the web server instead of before it. Joining can take as long as the database or
/// the first silo is away, and meanwhile the process must answer that it is alive and not ready.
/// </summary>
internal sealed partial class LateStart : IHostedLifecycleService
{
    private static readonly object s_key = new();

    private readonly IServiceProvider _services;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ILogger<LateStart> _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Stack<IHostedService> _started = new();
    private Task _run = Task.CompletedTask;

    internal LateStart(IServiceProvider services, IHostApplicationLifetime lifetime, ILogger<LateStart> logger) =>
        (_services, _lifetime, _logger) = (services, lifetime, logger);

    /// <summary>All of them have started.</summary>
    public bool IsDone { get; private set; }

    /// <summary>
    /// Takes the hosted services that have been added so far out of the host's start; one after another, in their order,
    /// they start behind it. One that fails ends the process.
    /// </summary>
    internal static void Defer(IServiceCollection services)
    {
        foreach (var service in services.Where(service => service.ServiceType == typeof(IHostedService) && !service.IsKeyedService).ToArray())
        {
            services.Remove(service);
            services.Add(Keyed(service));
        }
        services.AddSingleton(provider => new LateStart(
            provider, provider.GetRequiredService<IHostApplicationLifetime>(), provider.GetRequiredService<ILogger<LateStart>>()));
        services.AddHostedService(provider => provider.GetRequiredService<LateStart>());
    }

    private static ServiceDescriptor Keyed(ServiceDescriptor service)
    {
        if (service.ImplementationInstance is { } instance)
            return new(typeof(IHostedService), s_key, instance);
        if (service.ImplementationFactory is { } factory)
            return new(typeof(IHostedService), s_key, (provider, _) => factory(provider), ServiceLifetime.Singleton);
        return new(typeof(IHostedService), s_key, service.ImplementationType!, ServiceLifetime.Singleton);
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        // Not before the web server listens: a failure here stops the host, and a host is not stopped while it starts.
        _lifetime.ApplicationStarted.Register(() => _run = Task.Run(() => Run(_stopping.Token), CancellationToken.None));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _run.WaitAsync(cancellationToken);
        await StopEach(service => service is IHostedLifecycleService stopping ? stopping.StoppingAsync(cancellationToken) : Task.CompletedTask);
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => StopEach(service => service.StopAsync(cancellationToken));

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) =>
        StopEach(service => service is IHostedLifecycleService stopped ? stopped.StoppedAsync(cancellationToken) : Task.CompletedTask);

    /// <summary>Nothing here: the services get theirs when they start.</summary>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Nothing here: the services get theirs when they start.</summary>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task StopEach(Func<IHostedService, Task> stop)
    {
        foreach (var service in _started) // the last one first
        {
            try
            {
                await stop(service);
            }
            catch (Exception exception)
            {
                // The others are stopped all the same. A cluster that dies while this process leaves it is no defect of it.
                LogStopFailed(service.GetType().Name, exception.Message);
            }
        }
    }

    private async Task Run(CancellationToken stopping)
    {
        try
        {
            // Made here: what they need may refuse the configuration already when it is made.
            foreach (var service in _services.GetKeyedServices<IHostedService>(s_key))
            {
                var life = service as IHostedLifecycleService;
                await (life?.StartingAsync(stopping) ?? Task.CompletedTask);
                await service.StartAsync(stopping);
                _started.Push(service);
                await (life?.StartedAsync(stopping) ?? Task.CompletedTask);
            }
            IsDone = true;
        }
        catch (Exception) when (stopping.IsCancellationRequested)
        {
            // It was told to stop before it had started.
        }
        catch (Exception exception)
        {
            if (HostProcess.Explain(exception) is { } reason)
                LogCannotStart(reason);
            else
                LogFailed(exception);
            Environment.ExitCode = 1;
            _lifetime.StopApplication();
        }
    }

    [LoggerMessage(1, LogLevel.Critical, "{Reason}")]
    private partial void LogCannotStart(string reason);

    [LoggerMessage(2, LogLevel.Critical, "The process cannot start.")]
    private partial void LogFailed(Exception exception);

    [LoggerMessage(3, LogLevel.Warning, "{Service} could not be stopped in good order: {Reason}")]
    private partial void LogStopFailed(string service, string reason);
}
