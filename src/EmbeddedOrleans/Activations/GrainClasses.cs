using System.Collections.Concurrent;
using System.Reflection;
using Orleans.Metadata;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>The grain classes of this process, found in the assemblies that refer to this engine.</summary>
internal static class GrainClasses
{
    private static readonly Lock s_lock = new();
    private static readonly HashSet<Assembly> s_read = [];
    private static readonly ConcurrentDictionary<GrainType, GrainClass> s_byType = new();
    private static readonly ConcurrentDictionary<(Type Interface, string? Prefix), GrainClass> s_byInterface = new();
    private static readonly Dictionary<Type, List<GrainClass>> s_implementations = [];
    private static readonly List<Type> s_openClasses = [];
    private static readonly List<string> s_problems = [];

    static GrainClasses()
    {
        // Assemblies that are referred to but not loaded yet may hold grains.
        if (Assembly.GetEntryAssembly() is { } entry)
            LoadReferences(entry, []);
        ReadLoaded();
    }

    public static GrainClass? OfType(GrainType type) => s_byType.TryGetValue(type, out var found) ? found : null;

    /// <exception cref="ArgumentException">No class implements the interface, or which of several is not clear.</exception>
    public static GrainClass Of(Type interfaceType, string? classNamePrefix)
    {
        if (s_byInterface.TryGetValue((interfaceType, classNamePrefix), out var known))
            return known;
        lock (s_lock)
        {
            if (!s_implementations.ContainsKey(interfaceType))
                ReadLoaded();
            return s_byInterface[(interfaceType, classNamePrefix)] = Select(interfaceType, classNamePrefix);
        }
    }

    /// <exception cref="OrleansConfigurationException">A grain class cannot be used.</exception>
    public static void ThrowIfAnyIsWrong()
    {
        lock (s_lock)
        {
            if (s_problems.Count > 0)
                throw new OrleansConfigurationException(string.Join(' ', s_problems));
        }
    }

    private static GrainClass Select(Type interfaceType, string? classNamePrefix)
    {
        if (interfaceType.IsGenericType && !s_implementations.ContainsKey(interfaceType))
            CloseGenericClasses(interfaceType);
        var candidates = s_implementations.GetValueOrDefault(interfaceType) ?? [];
        if (!string.IsNullOrEmpty(classNamePrefix))
        {
            var named = candidates.Where(candidate => candidate.Type.FullName!.StartsWith(classNamePrefix, StringComparison.Ordinal)).ToList();
            candidates = named.Where(candidate => candidate.Type.FullName == classNamePrefix).ToList() is { Count: 1 } exact ? exact : named;
        }
        else if (interfaceType.GetCustomAttribute<DefaultGrainTypeAttribute>() is { } chosen)
        {
            candidates = [.. candidates.Where(candidate => candidate.GrainType.ToString() == chosen.GrainType)];
        }
        else if (candidates.Count > 1)
        {
            // IRoomGrain means RoomGrain.
            candidates = candidates.Where(candidate => $"I{candidate.Type.Name}" == interfaceType.Name).ToList() is { Count: 1 } conventional ? conventional : candidates;
        }

        return candidates.Count switch
        {
            1 => candidates[0],
            0 => throw new ArgumentException($"Could not find an implementation for interface {interfaceType}{(string.IsNullOrEmpty(classNamePrefix) ? "" : $" whose name starts with \"{classNamePrefix}\"")}."),
            _ => throw new ArgumentException($"Unable to identify a single appropriate grain type for interface {interfaceType}. Candidates: {string.Join(", ", candidates.Select(candidate => candidate.Type.FullName))}."),
        };
    }

    private static void LoadReferences(Assembly assembly, HashSet<string> seen)
    {
        foreach (var name in assembly.GetReferencedAssemblies())
        {
            if (IsOfThePlatform(name.Name!) || !seen.Add(name.Name!))
                continue;
            try
            {
                LoadReferences(Assembly.Load(name), seen);
            }
            catch (Exception error) when (error is FileNotFoundException or FileLoadException or BadImageFormatException)
            {
                // Something optional that is not deployed; it holds no grains that can run here.
            }
        }
    }

    private static bool IsOfThePlatform(string name) =>
        name.StartsWith("System.", StringComparison.Ordinal) || name.StartsWith("Microsoft.", StringComparison.Ordinal)
        || name is "System" or "netstandard" or "mscorlib";

    private static void ReadLoaded()
    {
        var engine = typeof(GrainClasses).Assembly.GetName().Name;
        foreach (var assembly in AppDomain.CurrentDomain.GetAssemblies())
        {
            if (assembly.IsDynamic || !s_read.Add(assembly) || !assembly.GetReferencedAssemblies().Any(name => name.Name == engine))
                continue;
            foreach (var type in TypesOf(assembly))
            {
                if (GrainClass.IsGrainClass(type))
                    TryAdd(type);
                else if (IsOpenGrainClass(type))
                    s_openClasses.Add(type);
            }
        }
    }

    private static bool IsOpenGrainClass(Type type) =>
        type is { IsClass: true, IsAbstract: false, IsGenericTypeDefinition: true } && typeof(IGrainBase).IsAssignableFrom(type);

    /// <summary>class Cache&lt;T&gt; : ICache&lt;T&gt; for ICache&lt;int&gt;: the arguments of class and interface must be the same.</summary>
    private static void CloseGenericClasses(Type interfaceType)
    {
        foreach (var open in s_openClasses)
        {
            if (open.GetGenericArguments().Length == interfaceType.GetGenericArguments().Length
                && open.GetInterfaces().Any(i => i.IsGenericType && i.GetGenericTypeDefinition() == interfaceType.GetGenericTypeDefinition()))
                TryAdd(open.MakeGenericType(interfaceType.GetGenericArguments()));
        }
    }

    private static void TryAdd(Type type)
    {
        GrainClass grainClass;
        try
        {
            grainClass = new GrainClass(type);
        }
        catch (InvalidOperationException error)
        {
            s_problems.Add(error.Message);
            return;
        }

        if (!s_byType.TryAdd(grainClass.GrainType, grainClass))
        {
            s_problems.Add($"{type} and {s_byType[grainClass.GrainType].Type} are both the kind of grain \"{grainClass.GrainType}\": give one a [GrainType].");
            return;
        }

        foreach (var interfaceType in grainClass.Interfaces)
        {
            if (!s_implementations.TryGetValue(interfaceType, out var implementations))
                s_implementations[interfaceType] = implementations = [];
            implementations.Add(grainClass);
        }
    }

    private static IEnumerable<Type> TypesOf(Assembly assembly)
    {
        try
        {
            return assembly.GetTypes();
        }
        catch (ReflectionTypeLoadException error)
        {
            return error.Types.OfType<Type>();
        }
    }
}
