using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Concurrency;
using Realtime.PushStreams;
using Realtime.Silo.Fronts;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Clusters;

/// <summary>Gathers what silos and fronts know, and sends to all fronts. Keeps nothing.</summary>
[Reentrant]
internal sealed partial class ClusterGrain(TimeProvider time, FrontPublisher publisher, IOptions<RoomOptions> options, ILogger<ClusterGrain> logger)
    : Grain, IClusterGrain
{
    private IFrontDirectoryGrain Directory => GrainFactory.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key);

    public async Task<ClusterDescription> Describe()
    {
        var (fronts, silos) = (Directory.Fronts(), Directory.Silos());
        return new ClusterDescription(
            [.. (await fronts).Select(front => new FrontDescription(front.Front, front.Connections))],
            [.. (await silos).Select(silo => silo.Silo)]);
    }

    public async Task<RoomsPage> Rooms(string? after, int limit)
    {
        Check(limit);
        Names.CheckCursor(after);
        var silos = await Directory.Silos();
        var lists = await Task.WhenAll(silos.Select(silo => Ask(silo.Silo, silo.Observer.Rooms(after, limit + 1), [])));
        // A room that is migrating may be on two lists.
        RoomSummary[] rooms = [.. lists.SelectMany(list => list).DistinctBy(room => room.Room).OrderBy(room => room.Room, StringComparer.Ordinal).Take(limit + 1)];
        return rooms.Length > limit ? new RoomsPage(rooms[..limit], rooms[limit - 1].Room) : new RoomsPage(rooms, null);
    }

    public async Task<ConnectionsPage> Connections(string? after, int limit, string? front)
    {
        Check(limit);
        var fronts = await Directory.Fronts();
        if (front is not null && !Array.Exists(fronts, known => known.Front == front))
            throw new ArgumentException($"There is no front '{front}'; there are {string.Join(", ", fronts.Select(known => known.Front))}.");
        var lists = await Task.WhenAll(fronts.Where(known => front is null || known.Front == front)
            .Select(known => Ask(known.Front, known.Observer.Connections(after, limit + 1), new FrontConnections(0, []))));
        var total = lists.Sum(list => list.Total);
        ConnectionDescription[] all = [.. lists.SelectMany(list => list.Page).OrderBy(connection => connection.Id, StringComparer.Ordinal).Take(limit + 1)];
        return all.Length > limit ? new ConnectionsPage(total, all[..limit], all[limit - 1].Id) : new ConnectionsPage(total, all, null);
    }

    public async Task<bool> Close(string connection, string? reason)
    {
        ArgumentException.ThrowIfNullOrEmpty(connection);
        FrontQuestions.CheckReason(reason);
        return await GrainFactory.AskFronts(front => front.Close(connection, null, reason)) > 0;
    }

    public async Task<SessionPostResult> Post(string front, SessionPost post)
    {
        ArgumentNullException.ThrowIfNull(post);
        var fronts = await Directory.Fronts();
        return Array.Find(fronts, known => known.Front == front) is { Observer: { } observer } ? await observer.Post(post) : SessionPostResult.NotFound;
    }

    public Task<int> Broadcast(RoomMessage message) =>
        Push(FrontEventKind.EveryoneMessage, MessageBody.Encode(message, options.Value.MaxContentBytes), message.From);

    public Task<int> BroadcastText(string text) => Push(FrontEventKind.EveryoneText, MessageBody.Text(text, options.Value.MaxContentBytes));

    public Task<int> BroadcastBinary(byte[] data) => Push(FrontEventKind.EveryoneBinary, MessageBody.Binary(data, options.Value.MaxContentBytes));

    private async Task<int> Push(FrontEventKind kind, byte[] body, string? from = null)
    {
        var fronts = await Directory.Fronts();
        await publisher.Publish([.. fronts.Select(front => front.Front)],
        [
            new FrontEvent { Kind = kind, Target = "", From = from, IsService = true, Timestamp = time.GetUtcNow().ToUnixTimeMilliseconds(), Body = body },
        ]);
        return fronts.Length;
    }

    private async Task<T> Ask<T>(string who, Task<T> question, T nothing)
    {
        try
        {
            return await question;
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogNoAnswer(who, exception));
            return nothing;
        }
    }

    private static void Check(int limit)
    {
        if (limit is < 1 or > Limits.PageSize)
            throw new ArgumentOutOfRangeException(nameof(limit), limit, $"limit is {limit}; it must be 1 to {Limits.PageSize}.");
    }

    [LoggerMessage(1, LogLevel.Warning, "{Who} did not say what it has; it is left out of a listing.")]
    private partial void LogNoAnswer(string who, Exception exception);
}
