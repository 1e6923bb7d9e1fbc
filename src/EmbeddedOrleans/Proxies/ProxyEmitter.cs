using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using Orleans.Core.Internal;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>
/// Emits, once per interface, a proxy class and for each method a call class with the arguments as fields: so a call costs no
/// reflection. For <c>Task&lt;int&gt; Add(int x)</c> it emits the like of
/// <code>
/// class Call : TaskCall&lt;int&gt; { public int a0; Task&lt;int&gt; Invoke(object o) => ((I)o).Add(a0); }
/// class Proxy : GrainReference, I { Task&lt;int&gt; Add(int x) { var call = Rent() ?? new Call(); call.a0 = x; return Send(call); } }
/// </code>
/// </summary>
internal static class ProxyEmitter
{
    private const BindingFlags Members = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;
    private const MethodAttributes Overriding = MethodAttributes.Public | MethodAttributes.Virtual | MethodAttributes.HideBySig | MethodAttributes.Final;

    private static readonly Lock s_lock = new();
    private static readonly HashSet<string> s_opened = [];
    private static readonly AssemblyBuilder s_assembly = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("EmbeddedOrleans.Proxies"), AssemblyBuilderAccess.Run);
    private static readonly ModuleBuilder s_module = s_assembly.DefineDynamicModule("EmbeddedOrleans.Proxies");
    private static int s_count;

    public static Func<GrainCaller, GrainId, GrainReference> Emit(ProxyType type)
    {
        lock (s_lock)
        {
            Open(typeof(ProxyEmitter));
            Open(type.Interface);
            var proxy = EmitProxy(type.Interface);
            return Activator(proxy, type);
        }
    }

    private static Type EmitProxy(Type interfaceType)
    {
        var proxy = s_module.DefineType($"{interfaceType.Name}.Proxy{s_count++}", TypeAttributes.Public | TypeAttributes.Sealed | TypeAttributes.Class, typeof(GrainReference), [interfaceType]);
        EmitConstructor(proxy);
        foreach (var method in interfaceType.GetInterfaces().Prepend(interfaceType).SelectMany(type => type.GetMethods(Members)))
        {
            if (method.IsAbstract && !method.IsStatic)
                EmitMethod(proxy, method, EmitCall(method));
        }

        return proxy.CreateType();
    }

    private static void EmitConstructor(TypeBuilder proxy)
    {
        Type[] parameters = [typeof(GrainCaller), typeof(GrainId), typeof(ProxyType)];
        var il = proxy.DefineConstructor(MethodAttributes.Public, CallingConventions.HasThis, parameters).GetILGenerator();
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Ldarg_2);
        il.Emit(OpCodes.Ldarg_3);
        il.Emit(OpCodes.Call, typeof(GrainReference).GetConstructor(Members, parameters)!);
        il.Emit(OpCodes.Ret);
    }

    /// <summary>The class of a method's calls.</summary>
    private static Type EmitCall(MethodInfo method)
    {
        if (typeof(IGrainExtension).IsAssignableFrom(method.DeclaringType) && method.DeclaringType != typeof(IGrainManagementExtension))
            throw new NotSupportedException($"{method.DeclaringType}.{method.Name} is a method of an extension, which this engine does not support.");
        if (method.IsGenericMethodDefinition)
            throw new NotSupportedException($"{method.DeclaringType}.{method.Name} is a generic method, which this engine does not support.");
        var (baseType, invokeReturns) = method.ReturnType switch
        {
            { } type when type == typeof(void) => (typeof(VoidCall), typeof(void)),
            { } type when type == typeof(Task) => (typeof(TaskCall), type),
            { } type when type == typeof(ValueTask) => (typeof(ValueTaskCall), type),
            { IsGenericType: true } type when type.GetGenericTypeDefinition() == typeof(Task<>) => (typeof(TaskCall<>).MakeGenericType(type.GetGenericArguments()), type),
            { IsGenericType: true } type when type.GetGenericTypeDefinition() == typeof(ValueTask<>) => (typeof(ValueTaskCall<>).MakeGenericType(type.GetGenericArguments()), type),
            { } type => throw new NotSupportedException($"{method.DeclaringType}.{method.Name} returns {type}; it must return Task, Task<T>, ValueTask, ValueTask<T> or void."),
        };

        var call = s_module.DefineType($"{method.DeclaringType!.Name}.{method.Name}{s_count++}", TypeAttributes.Public | TypeAttributes.Sealed | TypeAttributes.Class, baseType);
        call.DefineDefaultConstructor(MethodAttributes.Public);
        var description = call.DefineField("Description", typeof(CallMethod), FieldAttributes.Public | FieldAttributes.Static);
        var arguments = method.GetParameters().Select((parameter, i) =>
        {
            if (parameter.ParameterType.IsByRef)
                throw new NotSupportedException($"{method.DeclaringType}.{method.Name} has the parameter {parameter.Name} by reference, which cannot be passed to a grain.");
            Open(parameter.ParameterType);
            return call.DefineField($"a{i}", parameter.ParameterType, FieldAttributes.Public);
        }).ToArray();

        var il = call.DefineMethod("get_Method", Overriding, typeof(CallMethod), Type.EmptyTypes).GetILGenerator();
        il.Emit(OpCodes.Ldsfld, description);
        il.Emit(OpCodes.Ret);

        il = call.DefineMethod("Invoke", Overriding, invokeReturns, [typeof(object)]).GetILGenerator();
        if (method.DeclaringType == typeof(IGrainManagementExtension))
            il.Emit(OpCodes.Call, typeof(Activation).GetProperty(nameof(Activation.Running))!.GetMethod!);
        else
            il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Castclass, method.DeclaringType!);
        foreach (var argument in arguments)
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldfld, argument);
        }

        il.Emit(OpCodes.Callvirt, method);
        il.Emit(OpCodes.Ret);

        il = call.DefineMethod("ClearArguments", Overriding, typeof(void), Type.EmptyTypes).GetILGenerator();
        foreach (var argument in arguments)
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldflda, argument);
            il.Emit(OpCodes.Initobj, argument.FieldType);
        }

        il.Emit(OpCodes.Ret);

        il = call.DefineMethod("GetArgument", Overriding, typeof(object), [typeof(int)]).GetILGenerator();
        for (var i = 0; i < arguments.Length; i++)
        {
            var next = il.DefineLabel();
            il.Emit(OpCodes.Ldarg_1);
            il.Emit(OpCodes.Ldc_I4, i);
            il.Emit(OpCodes.Bne_Un, next);
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldfld, arguments[i]);
            il.Emit(OpCodes.Box, arguments[i].FieldType);
            il.Emit(OpCodes.Ret);
            il.MarkLabel(next);
        }

        il.Emit(OpCodes.Ldstr, "index");
        il.Emit(OpCodes.Newobj, typeof(ArgumentOutOfRangeException).GetConstructor([typeof(string)])!);
        il.Emit(OpCodes.Throw);

        var created = call.CreateType();
        created.GetField("Description")!.SetValue(null, new CallMethod(method));
        return created;
    }

    /// <summary>The proxy's side: makes the call object, copies the arguments into it and sends it.</summary>
    private static void EmitMethod(TypeBuilder proxy, MethodInfo method, Type call)
    {
        var parameters = method.GetParameters();
        var body = proxy.DefineMethod($"{method.DeclaringType!.Name}.{method.Name}",
            MethodAttributes.Private | MethodAttributes.Virtual | MethodAttributes.HideBySig | MethodAttributes.NewSlot | MethodAttributes.Final,
            method.ReturnType, [.. parameters.Select(parameter => parameter.ParameterType)]);
        var il = body.GetILGenerator();
        var isNew = il.DefineLabel();
        var isThere = il.DefineLabel();
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldsfld, call.GetField("Description")!);
        il.Emit(OpCodes.Call, typeof(CallMethod).GetMethod(nameof(CallMethod.Rent))!);
        il.Emit(OpCodes.Dup);
        il.Emit(OpCodes.Brfalse, isNew);
        il.Emit(OpCodes.Castclass, call);
        il.Emit(OpCodes.Br, isThere);
        il.MarkLabel(isNew);
        il.Emit(OpCodes.Pop);
        il.Emit(OpCodes.Newobj, call.GetConstructor(Type.EmptyTypes)!);
        il.MarkLabel(isThere);
        for (var i = 0; i < parameters.Length; i++)
        {
            var type = parameters[i].ParameterType;
            il.Emit(OpCodes.Dup);
            il.Emit(OpCodes.Ldarg, i + 1);
            if (!parameters[i].IsDefined(typeof(ImmutableAttribute), false) && !CopyKinds.IsImmutable(type))
                il.Emit(OpCodes.Call, typeof(Copier<>).MakeGenericType(type).GetMethod("Copy", [type])!);
            il.Emit(OpCodes.Stfld, call.GetField($"a{i}")!);
            if (type == typeof(CancellationToken))
            {
                il.Emit(OpCodes.Dup);
                il.Emit(OpCodes.Ldarg, i + 1);
                il.Emit(OpCodes.Call, typeof(MethodCall).GetMethod(nameof(MethodCall.EndWith))!);
            }
        }

        il.Emit(OpCodes.Call, SendMethod(method, call));
        il.Emit(OpCodes.Ret);
        proxy.DefineMethodOverride(body, method);
    }

    private static MethodInfo SendMethod(MethodInfo method, Type call)
    {
        var oneWay = new CallMethod(method).IsOneWay;
        var returns = method.ReturnType;
        if (returns == typeof(void))
            return Sender(nameof(GrainReference.SendVoid));
        if (oneWay)
            return Sender(returns == typeof(Task) ? nameof(GrainReference.SendOneWay) : nameof(GrainReference.SendOneWayValue));
        if (returns == typeof(Task))
            return Sender(nameof(GrainReference.Send), typeof(Nothing));
        if (returns == typeof(ValueTask))
            return typeof(GrainReference).GetMethods(Members).Single(m => m.Name == nameof(GrainReference.SendValue) && !m.IsGenericMethodDefinition);
        var name = returns.GetGenericTypeDefinition() == typeof(Task<>) ? nameof(GrainReference.Send) : nameof(GrainReference.SendValue);
        return Sender(name, returns.GetGenericArguments()[0]);
    }

    private static MethodInfo Sender(string name, Type? result = null)
    {
        var sender = typeof(GrainReference).GetMethods(Members).Single(m => m.Name == name && m.IsGenericMethodDefinition == (result is not null));
        return result is null ? sender : sender.MakeGenericMethod(result);
    }

    private static Func<GrainCaller, GrainId, GrainReference> Activator(Type proxy, ProxyType type)
    {
        var create = new DynamicMethod("New", typeof(GrainReference), [typeof(ProxyType), typeof(GrainCaller), typeof(GrainId)], proxy, skipVisibility: true);
        var il = create.GetILGenerator();
        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Ldarg_2);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Newobj, proxy.GetConstructors()[0]);
        il.Emit(OpCodes.Ret);
        return create.CreateDelegate<Func<GrainCaller, GrainId, GrainReference>>(type);
    }

    /// <summary>Lets the emitted code use the internal types of the assemblies that a type comes from.</summary>
    private static void Open(Type type)
    {
        if (type.HasElementType)
            Open(type.GetElementType()!);
        foreach (var argument in type.IsGenericType ? type.GetGenericArguments() : [])
            Open(argument);
        foreach (var parent in type.IsInterface ? type.GetInterfaces() : [])
            Open(parent);
        var name = type.Assembly.GetName().Name!;
        if (s_opened.Add(name))
            s_assembly.SetCustomAttribute(new CustomAttributeBuilder(typeof(IgnoresAccessChecksToAttribute).GetConstructor([typeof(string)])!, [name]));
    }
}
