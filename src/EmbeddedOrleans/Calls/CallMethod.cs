using System.Reflection;
using Orleans.Concurrency;

namespace Orleans.Embedded;

/// <summary>What the attributes of an interface's method say, read once.</summary>
internal sealed class CallMethod
{
    private readonly SpareCalls _spares = new();

    public CallMethod(MethodInfo info)
    {
        Info = info;
        Name = info.Name;
        InterfaceType = info.DeclaringType!;
        ParameterCount = info.GetParameters().Length;
        AlwaysInterleaves = info.IsDefined(typeof(AlwaysInterleaveAttribute));
        IsReadOnly = info.IsDefined(typeof(ReadOnlyAttribute));
        IsOneWay = info.ReturnType == typeof(void) || info.IsDefined(typeof(OneWayAttribute));
        ResultIsImmutable = info.ReturnParameter.IsDefined(typeof(ImmutableAttribute), false);
        ResponseTimeout = info.GetCustomAttribute<ResponseTimeoutAttribute>()?.Timeout;
        if (IsOneWay && info.ReturnType is { IsGenericType: true })
            throw new NotSupportedException($"{InterfaceType}.{Name} is [OneWay] but returns a result; it must return Task, ValueTask or void.");
    }

    public MethodInfo Info { get; }

    public string Name { get; }

    public Type InterfaceType { get; }

    public int ParameterCount { get; }

    public bool AlwaysInterleaves { get; }

    public bool IsReadOnly { get; }

    public bool IsOneWay { get; }

    public bool ResultIsImmutable { get; }

    public TimeSpan? ResponseTimeout { get; }

    /// <summary>A call object of this method that is not in use, if there is one.</summary>
    public MethodCall? Rent() => _spares.Rent();

    /// <summary>The call is over.</summary>
    public void Return(MethodCall call) => _spares.Return(call);
}
