namespace Realtime.PushStreams.Subscriptions;

/// <summary>The keys of <see cref="IPushSubscriptionsGrain"/>.</summary>
internal static class StreamKey
{
    /// <summary>Escaped part by part, so no two streams share a key. The type is in it: it decides how subscribers are called.</summary>
    public static string Of<T>(string provider, StreamId stream) =>
        $"{Uri.EscapeDataString(provider)}/{Uri.EscapeDataString(typeof(T).ToString())}/{Uri.EscapeDataString(stream.GetNamespace() ?? "")}/{Uri.EscapeDataString(stream.GetKeyAsString())}";

    public static string ProviderOf(string key) => Uri.UnescapeDataString(key[..key.IndexOf('/')]);
}
