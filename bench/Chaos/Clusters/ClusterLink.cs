using System.Reflection;
using System.Runtime.ExceptionServices;
using Orleans;

namespace Realtime.Chaos.Clusters;

/// <summary>A front's own cluster client, in front of the one that all of them share; it can be cut for this front alone.</summary>
public class ClusterLink : DispatchProxy
{
    private IClusterClient _client = null!;
    private volatile bool _isCut;

    public static (IClusterClient Client, ClusterLink Link) To(IClusterClient client)
    {
        var proxy = Create<IClusterClient, ClusterLink>();
        var link = (ClusterLink)(object)proxy;
        link._client = client;
        return (proxy, link);
    }

    /// <summary>From now on nothing gets through: the front finds no grain any more.</summary>
    public void Cut() => _isCut = true;

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        ObjectDisposedException.ThrowIf(_isCut, _client);
        try
        {
            return targetMethod!.Invoke(_client, args);
        }
        catch (TargetInvocationException exception)
        {
            ExceptionDispatchInfo.Throw(exception.InnerException!);
            throw;
        }
    }
}
