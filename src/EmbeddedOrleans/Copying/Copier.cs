using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using Orleans.Runtime;
using Orleans.Serialization;

namespace Orleans.Embedded;

/// <summary>Copies values that pass between grains, as a way over a wire would. The copier of a type is compiled once.</summary>
internal static class Copier<T>
{
    public static readonly bool IsImmutable = CopyKinds.IsImmutable(typeof(T));

    private static readonly Func<T, CopyContext, T> s_copy = CopierFactory.Create<T>();
    private static readonly bool s_isInterface = typeof(T).IsInterface;
    private static readonly bool s_isExact = typeof(T).IsValueType || typeof(T).IsSealed || typeof(T).IsArray;

    /// <exception cref="CodecNotFoundException">A type in it cannot pass between grains.</exception>
    [return: NotNullIfNotNull(nameof(value))]
    public static T Copy(T value)
    {
        if (IsImmutable || value is null)
            return value;
        var context = CopyContext.Rent();
        var copy = CopyWithin(value, context);
        context.Return();
        return copy;
    }

    /// <summary>Copies a part of a value.</summary>
    [return: NotNullIfNotNull(nameof(value))]
    public static T CopyWithin(T value, CopyContext context)
    {
        if (IsImmutable || value is null)
            return value;
        if (typeof(T).IsValueType)
            return s_copy(value, context)!;
        if (context.Find(value) is { } known)
            return (T)known;
        return s_isExact || value.GetType() == typeof(T)
            ? s_copy(value, context)!
            : s_isInterface ? s_copy(value, context)! : (T)CopierFactory.CopyByValueType(value, context);
    }
}

internal static class CopierFactory
{
    private static readonly ConcurrentDictionary<Type, Func<object, CopyContext, object>> s_byType = new();

    /// <summary>The copier for values of just this type.</summary>
    public static Func<object, CopyContext, object> ByType(Type type) => s_byType.GetOrAdd(type, static type =>
        typeof(CopierFactory).GetMethod(nameof(Untyped), BindingFlags.Static | BindingFlags.NonPublic)!.MakeGenericMethod(type)
            .CreateDelegate<Func<Func<object, CopyContext, object>>>()());

    public static Func<T, CopyContext, T> Create<T>() => CopyKinds.Of(typeof(T)) switch
    {
        CopyKind.Immutable => static (value, _) => value,
        CopyKind.Array => CollectionCopiers.Array<T>(),
        CopyKind.Collection => CollectionCopiers.Create<T>(),
        CopyKind.Members => Members<T>(),
        CopyKind.ByValueType => CollectionCopiers.ForInterface<T>() ?? (static (value, context) => (T)CopyByValueType(value!, context)),
        _ => static (value, _) => throw Unknown(value!.GetType()),
    };

    private static Func<object, CopyContext, object> Untyped<T>()
    {
        var copy = Create<T>();
        return (value, context) => copy((T)value, context)!;
    }

    /// <summary>By what the value itself is, whatever it is declared as.</summary>
    public static object CopyByValueType(object value, CopyContext context)
    {
        var type = value.GetType();
        if (type == typeof(object))
            return new object();
        if (value is IGrainBase)
            throw new ArgumentException($"{type} is a grain: pass a reference to it, this.AsReference<T>().");
        if (value is IGrainObserver and not GrainReference)
            throw new ArgumentException($"{type} is an observer: pass the reference that CreateObjectReference returns.");
        return ByType(type)(value, context);
    }

    private static CodecNotFoundException Unknown(Type type) => new(
        $"Could not find a copier for type {type}: it has no [GenerateSerializer], so its values cannot be passed to or from a grain.");

    /// <summary>Compiles: make a new object, then copy field by field.</summary>
    private static Func<T, CopyContext, T> Members<T>()
    {
        var type = typeof(T);
        var method = new DynamicMethod($"Copy{type.Name}", type, [type, typeof(CopyContext)], typeof(CopierFactory).Module, skipVisibility: true);
        var il = method.GetILGenerator();
        var copy = il.DeclareLocal(type);
        if (type.IsValueType)
        {
            il.Emit(OpCodes.Ldloca, copy);
            il.Emit(OpCodes.Initobj, type);
        }
        else
        {
            EmitNew(il, type);
            il.Emit(OpCodes.Stloc, copy);
            il.Emit(OpCodes.Ldarg_1);
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldloc, copy);
            il.Emit(OpCodes.Call, typeof(CopyContext).GetMethod(nameof(CopyContext.Add))!);
        }

        foreach (var (field, isImmutable) in CopiedMembers.Of(type))
        {
            il.Emit(type.IsValueType ? OpCodes.Ldloca : OpCodes.Ldloc, copy);
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldfld, field);
            if (!isImmutable)
            {
                il.Emit(OpCodes.Ldarg_1);
                il.Emit(OpCodes.Call, typeof(Copier<>).MakeGenericType(field.FieldType).GetMethod(nameof(Copier<int>.CopyWithin))!);
            }

            il.Emit(OpCodes.Stfld, field);
        }

        il.Emit(OpCodes.Ldloc, copy);
        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<Func<T, CopyContext, T>>();
    }

    private static void EmitNew(ILGenerator il, Type type)
    {
        if (type.GetConstructor(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic, Type.EmptyTypes) is { } constructor)
        {
            il.Emit(OpCodes.Newobj, constructor);
            return;
        }

        il.Emit(OpCodes.Ldtoken, type);
        il.Emit(OpCodes.Call, typeof(Type).GetMethod(nameof(Type.GetTypeFromHandle))!);
        il.Emit(OpCodes.Call, typeof(RuntimeHelpers).GetMethod(nameof(RuntimeHelpers.GetUninitializedObject))!);
        il.Emit(OpCodes.Castclass, type);
    }
}
