using Orleans.Placement;

namespace Orleans.Concurrency;

/// <summary>Calls of this class's grains interleave: while one awaits, others run, never two at once.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class ReentrantAttribute : Attribute;

/// <summary>This call runs even while another of the same grain awaits.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class AlwaysInterleaveAttribute : Attribute;

/// <summary>This call changes nothing, so calls of this kind interleave with each other.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ReadOnlyAttribute : Attribute;

/// <summary>The caller does not wait, and hears of no error.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OneWayAttribute : Attribute;

/// <summary>A static method of the class, <c>bool M(IInvokable request)</c>, says which calls interleave.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class MayInterleaveAttribute(string callbackMethodName) : Attribute
{
    internal string CallbackMethodName { get; } = callbackMethodName;
}

/// <summary>Several activations of one grain per silo, made as load demands, each with its own calls.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class StatelessWorkerAttribute(int maxLocalWorkers) : PlacementAttribute(PlacementKind.Local)
{
    public StatelessWorkerAttribute() : this(Environment.ProcessorCount)
    {
    }

    internal int MaxLocalWorkers { get; } = maxLocalWorkers;
}

/// <summary>A value passed by reference, with the promise that nobody changes it.</summary>
[Immutable, GenerateSerializer]
public readonly struct Immutable<T>(T value)
{
    [Id(0)]
    public readonly T Value = value;
}

public static class ImmutableExtensions
{
    public static Immutable<T> AsImmutable<T>(this T value) => new(value);
}
