using Orleans;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Users;

/// <summary>Tells the partitions of users who is connected to this front: what comes while a partition is called goes along in its next call.</summary>
internal sealed partial class LocalUsers(IGrainFactory grains, GrainCalls calls, ConnectionRegistry registry, ILogger<LocalUsers> logger)
{
    private readonly LocalPartition?[] _partitions = new LocalPartition?[IUserPartitionGrain.Count];
    private long _batch;

    /// <summary>Completes when the user is found on this front. Fails when that cannot be told.</summary>
    public Task Attach(Session session) => Of(session.User).Attach(session);

    /// <summary>Completes when the connection is told to be gone. What cannot be told is told later, or ends with this front's lease.</summary>
    public Task Detach(Session session) => Of(session.User).Detach(session);

    /// <summary>A client's message to a user.</summary>
    public Task<DirectReceipt> Send(DirectMessage message) => Of(message.User).Grain.Send(message);

    /// <summary>Tells everything anew to partitions that are on none of these silos, and to those that could not be told something.</summary>
    /// <param name="silos">Those that are up; null when it does not matter.</param>
    public void Compare(string[]? silos)
    {
        foreach (var partition in _partitions)
        {
            if (partition is not null && partition.IsOutOfStep(silos))
                partition.TellAll();
        }
    }

    public Task<UsersReply> Submit(LocalPartition partition, bool isAll, UserChange[] changes)
    {
        var batch = Interlocked.Increment(ref _batch); // so that one that comes late is known to be over
        return calls.Call(() => partition.Grain.Submit(calls.Front, batch, isAll, changes).AsTask());
    }

    /// <summary>Who of a partition is here.</summary>
    public IEnumerable<Session> SessionsOf(LocalPartition partition) =>
        registry.Connections.Select(connection => connection.State).OfType<Session>().Where(session => session.Partition == partition);

    private LocalPartition Of(string user)
    {
        var key = IUserPartitionGrain.KeyOf(user);
        return Volatile.Read(ref _partitions[key]) ?? Add(key);
    }

    private LocalPartition Add(int key)
    {
        var made = new LocalPartition(grains.GetGrain<IUserPartitionGrain>(key), this);
        return Interlocked.CompareExchange(ref _partitions[key], made, null) ?? made;
    }

    [LoggerMessage(1, LogLevel.Warning, "{Changes} connections that have come or gone could not be told to their users' silo; it is tried again.")]
    public partial void LogFailed(int changes, Exception exception);
}
