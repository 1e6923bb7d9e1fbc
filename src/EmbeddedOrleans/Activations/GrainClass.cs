using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;

namespace Orleans.Embedded;

/// <summary>What a grain class says about its activations, read once.</summary>
internal sealed class GrainClass
{
    private readonly ObjectFactory _factory;
    private readonly Func<Activation, object>[] _suppliers;
    private readonly Type[] _serviceTypes;
    private ProxyType? _someInterface;

    public GrainClass(Type type)
    {
        Type = type;
        Interfaces = [.. type.GetInterfaces().Where(IsGrainInterface)];
        GrainType = GrainType.Create(type.GetCustomAttribute<GrainTypeAttribute>()?.Name ?? DefaultName(type));
        IsReentrant = type.IsDefined(typeof(ReentrantAttribute), inherit: true);
        MayInterleave = MayInterleavePredicate(type);
        HasCallsThatJoin = MayInterleave is not null
            || Interfaces.SelectMany(i => i.GetMethods()).Any(method => method.IsDefined(typeof(ReadOnlyAttribute)));
        Placement = type.GetCustomAttribute<PlacementAttribute>()?.Kind ?? PlacementKind.Random;
        MaxLocalWorkers = type.GetCustomAttribute<StatelessWorkerAttribute>()?.MaxLocalWorkers ?? 0;
        HasOnActivate = Overrides(type, nameof(IGrainBase.OnActivateAsync), typeof(CancellationToken));
        HasOnDeactivate = Overrides(type, nameof(IGrainBase.OnDeactivateAsync), typeof(DeactivationReason), typeof(CancellationToken));

        var constructor = Constructor(type);
        var supplied = constructor.GetParameters().Where(parameter => Supplier(parameter) is not null).ToArray();
        _suppliers = [.. supplied.Select(parameter => Supplier(parameter)!)];
        _serviceTypes = [.. constructor.GetParameters().Except(supplied).Select(parameter => parameter.ParameterType)];
        _factory = ActivatorUtilities.CreateFactory(type, [.. supplied.Select(parameter => parameter.ParameterType)]);
    }

    public Type Type { get; }

    public GrainType GrainType { get; }

    public Type[] Interfaces { get; }

    public bool IsReentrant { get; }

    public Func<Call, bool>? MayInterleave { get; }

    /// <summary>Whether there are calls that may begin beside some others, but not beside all.</summary>
    public bool HasCallsThatJoin { get; }

    public PlacementKind Placement { get; }

    /// <summary>Zero unless the class is a stateless worker.</summary>
    public int MaxLocalWorkers { get; }

    public bool HasOnActivate { get; }

    public bool HasOnDeactivate { get; }

    /// <summary>What a reference to a grain of this class is made of when nobody asked for an interface.</summary>
    public ProxyType SomeInterface => _someInterface ??= ProxyType.For(Interfaces[0]);

    public static bool IsGrainClass(Type type) =>
        type is { IsClass: true, IsAbstract: false, ContainsGenericParameters: false }
        && typeof(IGrainBase).IsAssignableFrom(type)
        && type.GetInterfaces().Any(IsGrainInterface);

    /// <summary>On the activation's first turn.</summary>
    public object CreateInstance(Activation activation)
    {
        var arguments = _suppliers.Length == 0 ? [] : new object[_suppliers.Length];
        for (var i = 0; i < arguments.Length; i++)
            arguments[i] = _suppliers[i](activation);
        var services = activation.Silo.NeedsScope(this, _serviceTypes) ? activation.ActivationServices : activation.Silo.Services;
        return _factory(services, arguments);
    }

    private static bool IsGrainInterface(Type type) =>
        typeof(IGrain).IsAssignableFrom(type)
        && type != typeof(IGrain)
        && type.Assembly != typeof(GrainClass).Assembly;

    /// <summary>RoomGrain is "room".</summary>
    private static string DefaultName(Type type)
    {
        const string Suffix = "grain";
        var name = type.Name.ToLowerInvariant();
        if (name.EndsWith(Suffix, StringComparison.Ordinal) && name.Length > Suffix.Length)
            name = name[..^Suffix.Length];
        return type.IsGenericType
            ? $"{name.Split('`')[0]}`{type.GetGenericArguments().Length}[[{string.Join("],[", type.GetGenericArguments().Select(a => a.FullName))}]]"
            : name;
    }

    private static bool Overrides(Type type, string method, params Type[] parameters) =>
        type.GetMethod(method, parameters)?.DeclaringType is { } declaring && declaring != typeof(Grain);

    private static ConstructorInfo Constructor(Type type)
    {
        var constructors = type.GetConstructors();
        return constructors.FirstOrDefault(constructor => constructor.IsDefined(typeof(ActivatorUtilitiesConstructorAttribute)))
            ?? constructors.MaxBy(constructor => constructor.GetParameters().Length)
            ?? throw new InvalidOperationException($"{type} has no public constructor.");
    }

    /// <summary>What the engine itself gives for a parameter of the constructor; null if it comes from DI.</summary>
    private static Func<Activation, object>? Supplier(ParameterInfo parameter)
    {
        if (parameter.ParameterType == typeof(IGrainContext))
            return static activation => activation;
        if (parameter.GetCustomAttribute<PersistentStateAttribute>() is not { } state)
            return null;
        if (parameter.ParameterType is not { IsGenericType: true } type || type.GetGenericTypeDefinition() != typeof(IPersistentState<>))
            throw new InvalidOperationException($"[PersistentState] stands on {parameter.Name} of {parameter.Member.DeclaringType}, which must be an IPersistentState<T>.");
        var create = typeof(StoredState<>).MakeGenericType(type.GetGenericArguments())
            .GetMethod(nameof(StoredState<int>.Create))!
            .CreateDelegate<Func<Activation, string, string?, object>>();
        return activation => create(activation, state.StateName, state.StorageName);
    }

    private static Func<Call, bool>? MayInterleavePredicate(Type type)
    {
        if (type.GetCustomAttribute<MayInterleaveAttribute>() is not { } attribute)
            return null;
        var method = type.GetMethod(attribute.CallbackMethodName, BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.FlattenHierarchy, [typeof(IInvokable)])
            ?? throw new InvalidOperationException($"{type} has no static method bool {attribute.CallbackMethodName}(IInvokable), which its [MayInterleave] names.");
        var predicate = method.CreateDelegate<Func<IInvokable, bool>>();
        return call => call is IInvokable invokable && Holds(predicate, invokable);
    }

    /// <summary>A predicate that fails says no: it is asked on the turns of other calls, which its error does not concern.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "See above.")]
    private static bool Holds(Func<IInvokable, bool> predicate, IInvokable call)
    {
        try
        {
            return predicate(call);
        }
        catch (Exception)
        {
            return false;
        }
    }
}
