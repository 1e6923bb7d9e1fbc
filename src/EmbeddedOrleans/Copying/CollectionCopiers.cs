using System.Collections.Concurrent;
using System.Collections.ObjectModel;
using System.Reflection;

namespace Orleans.Embedded;

/// <summary>Copiers of the framework's collections and tuples. Each is registered before its elements are copied: they may lead back.</summary>
internal static class CollectionCopiers
{
    private static readonly Dictionary<Type, string> s_copiers = new()
    {
        [typeof(List<>)] = nameof(CopyList),
        [typeof(Dictionary<,>)] = nameof(CopyDictionary),
        [typeof(HashSet<>)] = nameof(CopyHashSet),
        [typeof(Queue<>)] = nameof(CopyQueue),
        [typeof(Stack<>)] = nameof(CopyStack),
        [typeof(LinkedList<>)] = nameof(CopyLinkedList),
        [typeof(SortedDictionary<,>)] = nameof(CopySortedDictionary),
        [typeof(SortedList<,>)] = nameof(CopySortedList),
        [typeof(SortedSet<>)] = nameof(CopySortedSet),
        [typeof(ConcurrentDictionary<,>)] = nameof(CopyConcurrentDictionary),
        [typeof(ConcurrentQueue<>)] = nameof(CopyConcurrentQueue),
        [typeof(Collection<>)] = nameof(CopyCollection),
        [typeof(ReadOnlyCollection<>)] = nameof(CopyReadOnlyCollection),
        [typeof(Nullable<>)] = nameof(CopyNullable),
        [typeof(KeyValuePair<,>)] = nameof(CopyKeyValuePair),
        [typeof(ValueTuple<>)] = nameof(CopyValueTuple1),
        [typeof(ValueTuple<,>)] = nameof(CopyValueTuple2),
        [typeof(ValueTuple<,,>)] = nameof(CopyValueTuple3),
        [typeof(ValueTuple<,,,>)] = nameof(CopyValueTuple4),
        [typeof(ValueTuple<,,,,>)] = nameof(CopyValueTuple5),
        [typeof(ValueTuple<,,,,,>)] = nameof(CopyValueTuple6),
        [typeof(Tuple<>)] = nameof(CopyTuple1),
        [typeof(Tuple<,>)] = nameof(CopyTuple2),
        [typeof(Tuple<,,>)] = nameof(CopyTuple3),
        [typeof(Tuple<,,,>)] = nameof(CopyTuple4),
        [typeof(ReadOnlyMemory<>)] = nameof(CopyReadOnlyMemory),
        [typeof(Memory<>)] = nameof(CopyMemory),
        [typeof(ArraySegment<>)] = nameof(CopyArraySegment),
    };

    /// <summary>What becomes of a collection of a type that has no copier of its own, such as a query, if it is declared as one of these.</summary>
    private static readonly Dictionary<Type, string> s_interfaces = new()
    {
        [typeof(IEnumerable<>)] = nameof(CopyToList),
        [typeof(ICollection<>)] = nameof(CopyToList),
        [typeof(IReadOnlyCollection<>)] = nameof(CopyToList),
        [typeof(IList<>)] = nameof(CopyToList),
        [typeof(IReadOnlyList<>)] = nameof(CopyToList),
        [typeof(ISet<>)] = nameof(CopyToHashSet),
        [typeof(IReadOnlySet<>)] = nameof(CopyToHashSet),
        [typeof(IDictionary<,>)] = nameof(CopyToDictionary),
        [typeof(IReadOnlyDictionary<,>)] = nameof(CopyToDictionary),
    };

    public static bool Has(Type definition) => s_copiers.ContainsKey(definition);

    /// <summary>Value types that refer to memory which others can change.</summary>
    public static bool HoldsMemory(Type definition) =>
        definition == typeof(Memory<>) || definition == typeof(ReadOnlyMemory<>) || definition == typeof(ArraySegment<>);

    public static Func<T, CopyContext, T> Create<T>() => Method(s_copiers[typeof(T).GetGenericTypeDefinition()])
        .MakeGenericMethod(typeof(T).GetGenericArguments())
        .CreateDelegate<Func<T, CopyContext, T>>();

    public static Func<T, CopyContext, T> Array<T>()
    {
        var element = typeof(T).GetElementType()!;
        if (!typeof(T).IsSZArray)
            return CopyManyDimensions;
        return Method(CopyKinds.IsImmutable(element) ? nameof(CloneArray) : nameof(CopyArray)).MakeGenericMethod(element).CreateDelegate<Func<T, CopyContext, T>>();
    }

    /// <summary>Null unless it is an interface of collections.</summary>
    public static Func<T, CopyContext, T>? ForInterface<T>()
    {
        if (!typeof(T).IsGenericType || !s_interfaces.TryGetValue(typeof(T).GetGenericTypeDefinition(), out var fallback))
            return null;
        var copy = Method(fallback).MakeGenericMethod(typeof(T).GetGenericArguments()).CreateDelegate<Func<T, CopyContext, T>>();
        return (value, context) => CopyKinds.HasCopier(value!.GetType()) ? (T)CopierFactory.CopyByValueType(value, context) : copy(value, context);
    }

    private static MethodInfo Method(string name) => typeof(CollectionCopiers).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!;

    private static E[] CloneArray<E>(E[] value, CopyContext context)
    {
        var copy = value.Length == 0 ? value : value.AsSpan().ToArray();
        context.Add(value, copy);
        return copy;
    }

    private static E[] CopyArray<E>(E[] value, CopyContext context)
    {
        var copy = new E[value.Length];
        context.Add(value, copy);
        for (var i = 0; i < copy.Length; i++)
            copy[i] = Copier<E>.CopyWithin(value[i], context);
        return copy;
    }

    private static T CopyManyDimensions<T>(T value, CopyContext context)
    {
        var copy = (Array)((Array)(object)value!).Clone();
        context.Add(value, copy);
        if (!CopyKinds.IsImmutable(typeof(T).GetElementType()!))
        {
            var index = new int[copy.Rank];
            for (var i = 0L; i < copy.LongLength; i++)
            {
                var rest = i;
                for (var d = copy.Rank - 1; d >= 0; d--)
                {
                    index[d] = (int)(rest % copy.GetLength(d)) + copy.GetLowerBound(d);
                    rest /= copy.GetLength(d);
                }

                copy.SetValue(Copier<object?>.CopyWithin(copy.GetValue(index), context), index);
            }
        }

        return (T)(object)copy;
    }

    private static List<E> CopyList<E>(List<E> value, CopyContext context)
    {
        if (Copier<E>.IsImmutable)
            return Added(value, new List<E>(value), context);
        var copy = Added(value, new List<E>(value.Count), context);
        foreach (var item in value)
            copy.Add(Copier<E>.CopyWithin(item, context));
        return copy;
    }

    private static Dictionary<K, V> CopyDictionary<K, V>(Dictionary<K, V> value, CopyContext context)
        where K : notnull
    {
        if (Copier<K>.IsImmutable && Copier<V>.IsImmutable)
            return Added(value, new Dictionary<K, V>(value, value.Comparer), context);
        var copy = Added(value, new Dictionary<K, V>(value.Count, value.Comparer), context);
        foreach (var (key, item) in value)
            copy.Add(Copier<K>.CopyWithin(key, context), Copier<V>.CopyWithin(item, context));
        return copy;
    }

    private static HashSet<E> CopyHashSet<E>(HashSet<E> value, CopyContext context)
    {
        if (Copier<E>.IsImmutable)
            return Added(value, new HashSet<E>(value, value.Comparer), context);
        var copy = Added(value, new HashSet<E>(value.Count, value.Comparer), context);
        foreach (var item in value)
            copy.Add(Copier<E>.CopyWithin(item, context));
        return copy;
    }

    private static Queue<E> CopyQueue<E>(Queue<E> value, CopyContext context)
    {
        var copy = Added(value, new Queue<E>(value.Count), context);
        foreach (var item in value)
            copy.Enqueue(Copier<E>.CopyWithin(item, context));
        return copy;
    }

    private static Stack<E> CopyStack<E>(Stack<E> value, CopyContext context)
    {
        var copy = Added(value, new Stack<E>(value.Count), context);
        foreach (var item in value.Reverse())
            copy.Push(Copier<E>.CopyWithin(item, context));
        return copy;
    }

    private static LinkedList<E> CopyLinkedList<E>(LinkedList<E> value, CopyContext context)
    {
        var copy = Added(value, new LinkedList<E>(), context);
        foreach (var item in value)
            copy.AddLast(Copier<E>.CopyWithin(item, context));
        return copy;
    }

    private static SortedDictionary<K, V> CopySortedDictionary<K, V>(SortedDictionary<K, V> value, CopyContext context)
        where K : notnull
    {
        var copy = Added(value, new SortedDictionary<K, V>(value.Comparer), context);
        foreach (var (key, item) in value)
            copy.Add(Copier<K>.CopyWithin(key, context), Copier<V>.CopyWithin(item, context));
        return copy;
    }

    private static SortedList<K, V> CopySortedList<K, V>(SortedList<K, V> value, CopyContext context)
        where K : notnull
    {
        var copy = Added(value, new SortedList<K, V>(value.Count, value.Comparer), context);
        foreach (var (key, item) in value)
            copy.Add(Copier<K>.CopyWithin(key, context), Copier<V>.CopyWithin(item, context));
        return copy;
    }

    private static SortedSet<E> CopySortedSet<E>(SortedSet<E> value, CopyContext context)
    {
        var copy = Added(value, new SortedSet<E>(value.Comparer), context);
        foreach (var item in value)
            copy.Add(Copier<E>.CopyWithin(item, context));
        return copy;
    }

    private static ConcurrentDictionary<K, V> CopyConcurrentDictionary<K, V>(ConcurrentDictionary<K, V> value, CopyContext context)
        where K : notnull
    {
        var copy = Added(value, new ConcurrentDictionary<K, V>(value.Comparer), context);
        foreach (var (key, item) in value)
            copy[Copier<K>.CopyWithin(key, context)] = Copier<V>.CopyWithin(item, context);
        return copy;
    }

    private static ConcurrentQueue<E> CopyConcurrentQueue<E>(ConcurrentQueue<E> value, CopyContext context)
    {
        var copy = Added(value, new ConcurrentQueue<E>(), context);
        foreach (var item in value)
            copy.Enqueue(Copier<E>.CopyWithin(item, context));
        return copy;
    }

    private static Collection<E> CopyCollection<E>(Collection<E> value, CopyContext context)
    {
        var copy = Added(value, new Collection<E>(), context);
        foreach (var item in value)
            copy.Add(Copier<E>.CopyWithin(item, context));
        return copy;
    }

    private static ReadOnlyCollection<E> CopyReadOnlyCollection<E>(ReadOnlyCollection<E> value, CopyContext context)
    {
        var items = new List<E>(value.Count);
        var copy = Added(value, new ReadOnlyCollection<E>(items), context);
        foreach (var item in value)
            items.Add(Copier<E>.CopyWithin(item, context));
        return copy;
    }

    private static List<E> CopyToList<E>(IEnumerable<E> value, CopyContext context)
    {
        var copy = Added<object, List<E>>(value, [], context);
        foreach (var item in value)
            copy.Add(Copier<E>.CopyWithin(item, context));
        return copy;
    }

    private static HashSet<E> CopyToHashSet<E>(IEnumerable<E> value, CopyContext context)
    {
        var copy = Added<object, HashSet<E>>(value, [], context);
        foreach (var item in value)
            copy.Add(Copier<E>.CopyWithin(item, context));
        return copy;
    }

    private static Dictionary<K, V> CopyToDictionary<K, V>(IEnumerable<KeyValuePair<K, V>> value, CopyContext context)
        where K : notnull
    {
        var copy = Added<object, Dictionary<K, V>>(value, [], context);
        foreach (var (key, item) in value)
            copy.Add(Copier<K>.CopyWithin(key, context), Copier<V>.CopyWithin(item, context));
        return copy;
    }

    private static E? CopyNullable<E>(E? value, CopyContext context)
        where E : struct => value is { } some ? Copier<E>.CopyWithin(some, context) : null;

    private static KeyValuePair<K, V> CopyKeyValuePair<K, V>(KeyValuePair<K, V> value, CopyContext context) =>
        new(Copier<K>.CopyWithin(value.Key, context), Copier<V>.CopyWithin(value.Value, context));

    private static ValueTuple<A> CopyValueTuple1<A>(ValueTuple<A> value, CopyContext context) => new(Copier<A>.CopyWithin(value.Item1, context));

    private static (A, B) CopyValueTuple2<A, B>((A, B) value, CopyContext context) =>
        (Copier<A>.CopyWithin(value.Item1, context), Copier<B>.CopyWithin(value.Item2, context));

    private static (A, B, C) CopyValueTuple3<A, B, C>((A, B, C) value, CopyContext context) =>
        (Copier<A>.CopyWithin(value.Item1, context), Copier<B>.CopyWithin(value.Item2, context), Copier<C>.CopyWithin(value.Item3, context));

    private static (A, B, C, D) CopyValueTuple4<A, B, C, D>((A, B, C, D) value, CopyContext context) =>
        (Copier<A>.CopyWithin(value.Item1, context), Copier<B>.CopyWithin(value.Item2, context), Copier<C>.CopyWithin(value.Item3, context), Copier<D>.CopyWithin(value.Item4, context));

    private static (A, B, C, D, E) CopyValueTuple5<A, B, C, D, E>((A, B, C, D, E) value, CopyContext context) =>
        (Copier<A>.CopyWithin(value.Item1, context), Copier<B>.CopyWithin(value.Item2, context), Copier<C>.CopyWithin(value.Item3, context), Copier<D>.CopyWithin(value.Item4, context), Copier<E>.CopyWithin(value.Item5, context));

    private static (A, B, C, D, E, F) CopyValueTuple6<A, B, C, D, E, F>((A, B, C, D, E, F) value, CopyContext context) =>
        (Copier<A>.CopyWithin(value.Item1, context), Copier<B>.CopyWithin(value.Item2, context), Copier<C>.CopyWithin(value.Item3, context), Copier<D>.CopyWithin(value.Item4, context), Copier<E>.CopyWithin(value.Item5, context), Copier<F>.CopyWithin(value.Item6, context));

    private static Tuple<A> CopyTuple1<A>(Tuple<A> value, CopyContext context) => new(Copier<A>.CopyWithin(value.Item1, context));

    private static Tuple<A, B> CopyTuple2<A, B>(Tuple<A, B> value, CopyContext context) =>
        new(Copier<A>.CopyWithin(value.Item1, context), Copier<B>.CopyWithin(value.Item2, context));

    private static Tuple<A, B, C> CopyTuple3<A, B, C>(Tuple<A, B, C> value, CopyContext context) =>
        new(Copier<A>.CopyWithin(value.Item1, context), Copier<B>.CopyWithin(value.Item2, context), Copier<C>.CopyWithin(value.Item3, context));

    private static Tuple<A, B, C, D> CopyTuple4<A, B, C, D>(Tuple<A, B, C, D> value, CopyContext context) =>
        new(Copier<A>.CopyWithin(value.Item1, context), Copier<B>.CopyWithin(value.Item2, context), Copier<C>.CopyWithin(value.Item3, context), Copier<D>.CopyWithin(value.Item4, context));

    private static ReadOnlyMemory<E> CopyReadOnlyMemory<E>(ReadOnlyMemory<E> value, CopyContext context) => CopyItems(value.Span, context);

    private static Memory<E> CopyMemory<E>(Memory<E> value, CopyContext context) => CopyItems<E>(value.Span, context);

    private static ArraySegment<E> CopyArraySegment<E>(ArraySegment<E> value, CopyContext context) => CopyItems<E>(value.AsSpan(), context);

    private static E[] CopyItems<E>(ReadOnlySpan<E> items, CopyContext context)
    {
        var copy = items.ToArray();
        for (var i = 0; !Copier<E>.IsImmutable && i < copy.Length; i++)
            copy[i] = Copier<E>.CopyWithin(copy[i], context);
        return copy;
    }

    private static C Added<O, C>(O original, C copy, CopyContext context)
        where O : class
        where C : class
    {
        context.Add(original, copy);
        return copy;
    }
}
