namespace Orleans.Runtime;

/// <summary>Values that travel with a call, and with the calls that it makes. Changes do not come back to the caller.</summary>
public static class RequestContext
{
    // Never changed after it was set, so that calls can share it.
    private static readonly AsyncLocal<Dictionary<string, object>?> s_values = new();

    internal const string ReentrancyKey = "#RE";

    internal static Dictionary<string, object>? Values
    {
        get => s_values.Value;
        set => s_values.Value = value;
    }

    public static IEnumerable<string> Keys => s_values.Value?.Keys ?? Enumerable.Empty<string>();

    public static IEnumerable<KeyValuePair<string, object>> Entries => s_values.Value ?? Enumerable.Empty<KeyValuePair<string, object>>();

    /// <summary>The id of the call chain that may call back into its own grains; empty when none may.</summary>
    public static Guid ReentrancyId
    {
        get => Get(ReentrancyKey) is Guid id ? id : Guid.Empty;
        set
        {
            if (value == Guid.Empty)
                Remove(ReentrancyKey);
            else
                Set(ReentrancyKey, value);
        }
    }

    public static object? Get(string key) => s_values.Value is { } values && values.TryGetValue(key, out var value) ? value : null;

    public static void Set(string key, object value) =>
        s_values.Value = s_values.Value is { } values
            ? new Dictionary<string, object>(values) { [key] = value }
            : new Dictionary<string, object>(1) { [key] = value };

    public static bool Remove(string key)
    {
        if (s_values.Value is not { } values || !values.ContainsKey(key))
            return false;
        var copy = new Dictionary<string, object>(values);
        copy.Remove(key);
        s_values.Value = copy.Count == 0 ? null : copy;
        return true;
    }

    public static void Clear()
    {
        if (s_values.Value is not null)
            s_values.Value = null;
    }

    /// <summary>Until disposed, calls made from here may call back into the grain that makes them.</summary>
    public static ReentrancySection AllowCallChainReentrancy()
    {
        var original = ReentrancyId;
        return new ReentrancySection(original, original == Guid.Empty ? Guid.NewGuid() : original);
    }

    /// <summary>Until disposed, calls made from here may not call back.</summary>
    public static ReentrancySection SuppressCallChainReentrancy() => new(ReentrancyId, Guid.Empty);

    public readonly struct ReentrancySection : IDisposable
    {
        private readonly Guid _original;
        private readonly Guid _entered;

        public ReentrancySection(Guid originalReentrancyId, Guid newReentrancyId)
        {
            _original = originalReentrancyId;
            _entered = newReentrancyId;
            if (_entered != _original)
                ReentrancyId = _entered;
            if (_entered != Guid.Empty)
                Embedded.Activation.Running?.EnterChain(_entered);
        }

        public void Dispose()
        {
            if (_entered != Guid.Empty)
                Embedded.Activation.Running?.LeaveChain(_entered);
            if (_entered != _original)
                ReentrancyId = _original;
        }
    }
}
