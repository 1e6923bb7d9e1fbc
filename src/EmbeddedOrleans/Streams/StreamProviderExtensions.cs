using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.Streams;

namespace Orleans.Streams
{
    public static class StreamProviderExtensions
    {
        public static IAsyncStream<T> GetStream<T>(this IStreamProvider streamProvider, string ns, string id) => streamProvider.GetStream<T>(StreamId.Create(ns, id));

        public static IAsyncStream<T> GetStream<T>(this IStreamProvider streamProvider, string ns, Guid id) => streamProvider.GetStream<T>(StreamId.Create(ns, id));

        public static IAsyncStream<T> GetStream<T>(this IStreamProvider streamProvider, string ns, long id) => streamProvider.GetStream<T>(StreamId.Create(ns, id));

        public static IAsyncStream<T> GetStream<T>(this IStreamProvider streamProvider, string id) => streamProvider.GetStream<T>(StreamId.Create(null, id));

        public static IAsyncStream<T> GetStream<T>(this IStreamProvider streamProvider, Guid id) => streamProvider.GetStream<T>(StreamId.Create(null, id));

        public static IAsyncStream<T> GetStream<T>(this IStreamProvider streamProvider, long id) => streamProvider.GetStream<T>(StreamId.Create(null, id));
    }
}

namespace Orleans
{
    public static class GrainStreamingExtensions
    {
        /// <exception cref="KeyNotFoundException">No such provider on this silo.</exception>
        public static IStreamProvider GetStreamProvider(this Grain grain, string name) => GetStreamProvider((IGrainBase)grain, name);

        /// <inheritdoc cref="GetStreamProvider(Grain, string)"/>
        public static IStreamProvider GetStreamProvider(this IGrainBase grain, string name) =>
            ClientStreamingExtensions.Find(((Embedded.Activation)grain.GrainContext).Silo.Services, name);
    }

    public static class ClientStreamingExtensions
    {
        /// <exception cref="KeyNotFoundException">No such provider on this client.</exception>
        public static IStreamProvider GetStreamProvider(this IClusterClient client, string name) => Find(client.ServiceProvider, name);

        internal static IStreamProvider Find(IServiceProvider services, string name) => services.GetKeyedService<IStreamProvider>(name)
            ?? throw new KeyNotFoundException($"There is no stream provider \"{name}\": register it with AddMemoryStreams(\"{name}\"), or as a keyed IStreamProvider.");
    }
}
