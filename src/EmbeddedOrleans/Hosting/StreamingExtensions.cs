using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Embedded;
using Orleans.Streams;

namespace Orleans.Streams
{
    public enum StreamPubSubType
    {
        ExplicitGrainBasedAndImplicit,
        ExplicitGrainBasedOnly,
        ImplicitOnly,
    }
}

namespace Orleans.Hosting
{
    /// <summary>Accepts what can be set on memory streams of Orleans. These streams push, so there is nothing to set.</summary>
    public interface IMemoryStreamConfigurator
    {
        string Name { get; }
    }

    public interface ISiloMemoryStreamConfigurator : IMemoryStreamConfigurator;

    public interface IClusterClientMemoryStreamConfigurator : IMemoryStreamConfigurator;

    public static class MemoryStreamConfiguratorExtensions
    {
        public static void ConfigurePartitioning(this IMemoryStreamConfigurator configurator, int numOfQueues = 8)
        {
        }

        public static void ConfigureStreamPubSub(this IMemoryStreamConfigurator configurator, StreamPubSubType pubsubType = StreamPubSubType.ExplicitGrainBasedAndImplicit)
        {
        }

        public static void ConfigurePullingAgent(this ISiloMemoryStreamConfigurator configurator, Action<OptionsBuilder<StreamPullingAgentOptions>>? configureOptions = null)
        {
        }
    }

    public static class SiloBuilderMemoryStreamExtensions
    {
        public static ISiloBuilder AddMemoryStreams(this ISiloBuilder builder, string name, Action<ISiloMemoryStreamConfigurator>? configure = null)
        {
            configure?.Invoke(new Configurator(name));
            builder.Services.AddMemoryStreamProvider(name);
            return builder;
        }

        /// <summary>Nothing is needed for streams but a provider.</summary>
        public static ISiloBuilder AddStreaming(this ISiloBuilder builder) => builder;

        private sealed class Configurator(string name) : ISiloMemoryStreamConfigurator
        {
            public string Name => name;
        }
    }

    public static class ClientBuilderStreamingExtensions
    {
        public static IClientBuilder AddMemoryStreams(this IClientBuilder builder, string name, Action<IClusterClientMemoryStreamConfigurator>? configure = null)
        {
            configure?.Invoke(new Configurator(name));
            builder.Services.AddMemoryStreamProvider(name);
            return builder;
        }

        /// <inheritdoc cref="SiloBuilderMemoryStreamExtensions.AddStreaming"/>
        public static IClientBuilder AddStreaming(this IClientBuilder builder) => builder;

        internal static void AddMemoryStreamProvider(this IServiceCollection services, string name) =>
            services.AddKeyedSingleton<IStreamProvider>(name, static (provider, key) =>
                new MemoryStreamProvider((string)key!, provider.GetRequiredService<GrainCaller>(), provider.GetRequiredService<ILoggerFactory>()));

        private sealed class Configurator(string name) : IClusterClientMemoryStreamConfigurator
        {
            public string Name => name;
        }
    }
}
