using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Orleans.Embedded;

namespace Orleans.Runtime;

/// <summary>A reference to a grain or an observer. The engine emits a class for each interface.</summary>
public class GrainReference : IAddressable, IEquatable<GrainReference>
{
    private readonly GrainCaller _caller;

    // Where the last call went, so that calls need no look-up while that activation lives.
    private ICallTarget? _target;

    internal GrainReference(GrainCaller caller, GrainId grainId, ProxyType type)
    {
        _caller = caller;
        GrainId = grainId;
        Type = type;
    }

    public GrainId GrainId { get; }

    public GrainInterfaceType InterfaceType => Type.Name;

    public string InterfaceName => Type.Interface.Name;

    internal ProxyType Type { get; }

    /// <summary>A reference of another interface to the same grain.</summary>
    public TGrainInterface Cast<TGrainInterface>() where TGrainInterface : IAddressable => (TGrainInterface)Cast(typeof(TGrainInterface));

    internal object Cast(Type interfaceType) =>
        interfaceType.IsInstanceOfType(this) ? this : ProxyType.For(interfaceType).Create(_caller, GrainId);

    public bool Equals(GrainReference? other) => other is not null && GrainId.Equals(other.GrainId) && Type == other.Type;

    public override bool Equals(object? obj) => Equals(obj as GrainReference);

    public override int GetHashCode() => GrainId.GetHashCode();

    public uint GetUniformHashCode() => GrainId.GetUniformHashCode();

    public sealed override string ToString() => $"GrainReference:{GrainId}:{InterfaceName}";

    public static bool operator ==(GrainReference? left, GrainReference? right) => left is null ? right is null : left.Equals(right);

    public static bool operator !=(GrainReference? left, GrainReference? right) => !(left == right);

    internal Task<T> Send<T>(ResultCall<T> call)
    {
        var task = call.Answer();
        Send((MethodCall)call);
        return task;
    }

    internal ValueTask<T> SendValue<T>(ResultCall<T> call)
    {
        var task = call.ValueAnswer();
        Send((MethodCall)call);
        return task;
    }

    internal ValueTask SendValue(ResultCall<Nothing> call)
    {
        var task = call.ValueAnswerWithoutResult();
        Send((MethodCall)call);
        return task;
    }

    internal Task SendOneWay(MethodCall call)
    {
        Dispatch(call, GrainCaller.Current ?? _caller);
        return Task.CompletedTask;
    }

    internal ValueTask SendOneWayValue(MethodCall call)
    {
        SendOneWay(call);
        return default;
    }

    internal void SendVoid(MethodCall call) => SendOneWay(call);

    private void Send(MethodCall call)
    {
        var caller = GrainCaller.Current ?? _caller;
        caller.Expect(call);
        Dispatch(call, caller);
    }

    [SuppressMessage("Design", "CA1031", Justification = "Every error of finding the target is the call's error.")]
    private void Dispatch(MethodCall call, GrainCaller caller)
    {
        call.RequestContext = RequestContext.Values;
        if (caller.CarriesActivities)
            call.Activity = Activity.Current;
        try
        {
            caller.ThrowIfClosed();
            var target = _target;
            while (target is null || !target.TryAccept(call))
                _target = target = caller.Cluster.Resolve(GrainId, caller, call.RequestContext);
        }
        catch (Exception error)
        {
            call.Fail(error);
        }
    }
}
