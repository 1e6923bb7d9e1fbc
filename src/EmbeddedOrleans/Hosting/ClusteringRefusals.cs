using System.Data.Common;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Embedded;
using Orleans.Providers;

namespace Orleans.Configuration
{
    /// <summary>Where a database is.</summary>
    public abstract class AdoNetOptions
    {
        public string Invariant { get; set; } = "";

        public string? ConnectionString { get; set; }

        public DbDataSource? DataSource { get; set; }
    }

    public class AdoNetClusteringSiloOptions : AdoNetOptions;

    public class AdoNetClusteringClientOptions : AdoNetOptions;

    public class AdoNetGrainStorageOptions : AdoNetOptions
    {
        public bool DeleteStateOnClear { get; set; }

        public int InitStage { get; set; } = ServiceLifecycleStage.ApplicationServices;
    }
}

namespace Orleans.Hosting
{
    /// <summary>What the orleans engine has for clusters of processes. Here each is refused when the host starts, with an error that says so.</summary>
    public static class AdoNetHostingExtensions
    {
        public static ISiloBuilder UseAdoNetClustering(this ISiloBuilder builder, Action<AdoNetClusteringSiloOptions> configureOptions) => Refuse(builder, nameof(UseAdoNetClustering));

        public static ISiloBuilder UseAdoNetClustering(this ISiloBuilder builder, Action<OptionsBuilder<AdoNetClusteringSiloOptions>> configureOptions) => Refuse(builder, nameof(UseAdoNetClustering));

        public static IClientBuilder UseAdoNetClustering(this IClientBuilder builder, Action<AdoNetClusteringClientOptions> configureOptions) => Refuse(builder, nameof(UseAdoNetClustering));

        public static IClientBuilder UseAdoNetClustering(this IClientBuilder builder, Action<OptionsBuilder<AdoNetClusteringClientOptions>> configureOptions) => Refuse(builder, nameof(UseAdoNetClustering));

        public static ISiloBuilder AddAdoNetGrainStorage(this ISiloBuilder builder, string name, Action<AdoNetGrainStorageOptions> configureOptions) => Refuse(builder, $"{nameof(AddAdoNetGrainStorage)}(\"{name}\")");

        public static ISiloBuilder AddAdoNetGrainStorage(this ISiloBuilder builder, string name, Action<OptionsBuilder<AdoNetGrainStorageOptions>>? configureOptions = null) => Refuse(builder, $"{nameof(AddAdoNetGrainStorage)}(\"{name}\")");

        public static ISiloBuilder AddAdoNetGrainStorageAsDefault(this ISiloBuilder builder, Action<AdoNetGrainStorageOptions> configureOptions) =>
            builder.AddAdoNetGrainStorage(ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME, configureOptions);

        public static ISiloBuilder AddAdoNetGrainStorageAsDefault(this ISiloBuilder builder, Action<OptionsBuilder<AdoNetGrainStorageOptions>>? configureOptions = null) =>
            builder.AddAdoNetGrainStorage(ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME, configureOptions);

        internal static ISiloBuilder Refuse(ISiloBuilder builder, string what)
        {
            builder.Services.Refuse(what);
            return builder;
        }

        internal static IClientBuilder Refuse(IClientBuilder builder, string what)
        {
            builder.Services.Refuse(what);
            return builder;
        }
    }
}
