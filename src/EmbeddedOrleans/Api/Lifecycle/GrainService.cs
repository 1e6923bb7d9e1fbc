using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;
using Orleans.Services;

namespace Orleans.Services
{
    /// <summary>A service of which each silo has one. Here it has a scheduler of its own; it cannot be called as a grain.</summary>
    public interface IGrainService;
}

namespace Orleans.Runtime
{
    /// <summary>A silo, as the constructor of a <see cref="GrainService"/> gets it.</summary>
    public abstract class Silo
    {
        private protected Silo()
        {
        }
    }

    /// <summary>A service of which each silo has one: starts and stops with it, one turn at a time.</summary>
    public abstract class GrainService : IGrainService
    {
        private readonly TaskScheduler _scheduler = new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler;

        protected GrainService(GrainId grainId, Silo silo, ILoggerFactory loggerFactory) => GrainId = grainId;

        public GrainId GrainId { get; }

        public virtual Task Init(IServiceProvider serviceProvider) => Task.CompletedTask;

        public virtual Task Start() => Task.CompletedTask;

        public virtual Task Stop() => Task.CompletedTask;

        internal Task Run(Func<Task> turn) =>
            Task.Factory.StartNew(turn, CancellationToken.None, TaskCreationOptions.DenyChildAttach, _scheduler).Unwrap();
    }
}

namespace Orleans.Hosting
{
    /// <summary>Registers grain services.</summary>
    public static class GrainServicesSiloBuilderExtensions
    {
        /// <summary>Adds a service of which each silo has one.</summary>
        /// <exception cref="InvalidOperationException">At start, when no interface of it is an <see cref="IGrainService"/>.</exception>
        public static ISiloBuilder AddGrainService<T>(this ISiloBuilder builder)
            where T : GrainService
        {
            builder.Services.AddGrainService(typeof(T));
            return builder;
        }

        /// <inheritdoc cref="AddGrainService{T}(ISiloBuilder)"/>
        public static IServiceCollection AddGrainService(this IServiceCollection services, Type grainServiceType) =>
            services.AddSingleton<IGrainService>(provider => Create(provider, grainServiceType));

        private static GrainService Create(IServiceProvider provider, Type type)
        {
            if (!Array.Exists(type.GetInterfaces(), one => one != typeof(IGrainService) && typeof(IGrainService).IsAssignableFrom(one)))
                throw new InvalidOperationException($"Cannot find an interface on {type.FullName} which implements IGrainService");
            return (GrainService)ActivatorUtilities.CreateInstance(provider, type, GrainId.Create("grainservice", type.FullName!), provider.GetRequiredService<Embedded.Silo>());
        }
    }
}
