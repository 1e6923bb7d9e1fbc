using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Numerics;
using System.Reflection;
using System.Text;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>How values of a type pass between grains.</summary>
internal enum CopyKind
{
    /// <summary>By reference: nobody can change them.</summary>
    Immutable,

    /// <summary>Member by member, those with an id.</summary>
    Members,

    Array,

    /// <summary>A collection or tuple of the framework, with a copier in <see cref="CollectionCopiers"/>.</summary>
    Collection,

    /// <summary>By what the value's own type says.</summary>
    ByValueType,

    /// <summary>Not at all: neither could Orleans.</summary>
    Unknown,
}

internal static class CopyKinds
{
    private static readonly HashSet<Type> s_immutable =
    [
        typeof(string), typeof(decimal), typeof(Guid), typeof(DateTime), typeof(DateTimeOffset), typeof(TimeSpan), typeof(DateOnly), typeof(TimeOnly),
        typeof(Half), typeof(Int128), typeof(UInt128), typeof(BigInteger), typeof(Rune), typeof(Uri), typeof(Version), typeof(IPAddress),
        typeof(IPEndPoint), typeof(CultureInfo), typeof(CompareInfo), typeof(CancellationToken), typeof(GrainId), typeof(IdSpan), typeof(GrainType),
        typeof(SiloAddress), typeof(Nothing),
    ];

    private static readonly HashSet<Type> s_immutableGenerics =
    [
        typeof(ImmutableArray<>), typeof(ImmutableList<>), typeof(ImmutableDictionary<,>), typeof(ImmutableHashSet<>), typeof(ImmutableSortedDictionary<,>),
        typeof(ImmutableSortedSet<>), typeof(ImmutableQueue<>), typeof(ImmutableStack<>), typeof(FrozenDictionary<,>), typeof(FrozenSet<>),
    ];

    private static readonly ConcurrentDictionary<Type, CopyKind> s_kinds = new();

    public static bool IsImmutable(Type type) => Of(type) == CopyKind.Immutable;

    /// <summary>Whether a copier was made for just this type.</summary>
    public static bool HasCopier(Type type) => Of(type) is CopyKind.Immutable or CopyKind.Members or CopyKind.Array or CopyKind.Collection;

    public static CopyKind Of(Type type) => s_kinds.TryGetValue(type, out var kind) ? kind : s_kinds[type] = Find(type);

    private static CopyKind Find(Type type)
    {
        if (type.IsPrimitive || type.IsEnum || s_immutable.Contains(type) || type.IsDefined(typeof(ImmutableAttribute), inherit: false))
            return CopyKind.Immutable;
        if (typeof(Type).IsAssignableFrom(type) || typeof(GrainReference).IsAssignableFrom(type) || typeof(Exception).IsAssignableFrom(type))
            return CopyKind.Immutable;
        if (type.IsArray)
            return CopyKind.Array;
        if (type.IsGenericType)
        {
            var definition = type.GetGenericTypeDefinition();
            if (s_immutableGenerics.Contains(definition) || IsFrozen(type))
                return CopyKind.Immutable;
            if (CollectionCopiers.Has(definition))
            {
                // Nullable<int> and (string, int) are copied by being passed.
                var isValue = type.IsValueType && type.GetGenericArguments().All(IsImmutable) && !CollectionCopiers.HoldsMemory(definition);
                return isValue ? CopyKind.Immutable : CopyKind.Collection;
            }
        }

        if (type.IsDefined(typeof(GenerateSerializerAttribute), inherit: false) && !type.IsInterface && !type.IsAbstract)
            return type.IsValueType && CopiedMembers.CoverAllFields(type) ? CopyKind.Immutable : CopyKind.Members;
        if (type == typeof(object) || type.IsInterface || type.IsAbstract)
            return CopyKind.ByValueType;
        return CopyKind.Unknown;
    }

    /// <summary>Values of frozen collections are of internal types that derive from the public ones.</summary>
    private static bool IsFrozen(Type type)
    {
        for (var parent = type.BaseType; parent is not null; parent = parent.BaseType)
        {
            if (parent.IsGenericType && s_immutableGenerics.Contains(parent.GetGenericTypeDefinition()))
                return true;
        }

        return false;
    }
}
