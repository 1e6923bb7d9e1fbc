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

    public async Task<FrontDetails[]> Fronts() =>
        await Task.WhenAll((await Directory.Fronts()).Select(front => Ask(front.Front, front.Observer.Describe(), new FrontDetails(front.Front, front.Connections))));

    public async Task<SiloDetails[]> Silos() =>
        await Task.WhenAll((await Directory.Silos()).Select(silo => Ask(silo.Silo, silo.Observer.Describe(), new SiloDetails(silo.Silo))));

    public async Task<RoomsPage> Rooms(string? after, int limit, string? prefix)
    {
        Check(limit);
        Names.CheckCursor(after);
        if (!string.IsNullOrEmpty(prefix) && Names.PrefixProblem(prefix, "room") is { } problem)
            throw new RequestException(RequestException.NameInvalid, problem);
        var silos = await Directory.Silos();
        var lists = await Task.WhenAll(silos.Select(silo => Ask(silo.Silo, silo.Observer.Rooms(after, limit + 1, prefix), [])));
        // A room that is migrating may be on two lists.
        RoomSummary[] rooms = [.. lists.SelectMany(list => list).DistinctBy(room => room.Room).OrderBy(room => room.Room, StringComparer.Ordinal).Take(limit + 1)];
        return rooms.Length > limit ? new RoomsPage(rooms[..limit], rooms[limit - 1].Room) : new RoomsPage(rooms, null);
    }

    public async Task<ConnectionsPage> Connections(string? after, int limit, string? front, ConnectionFilter? filter)
    {
        Check(limit);
        var fronts = await FrontsOrOne(front);
        var lists = await Task.WhenAll(fronts.Select(known => Ask(known.Front, known.Observer.Connections(after, limit + 1, filter), new FrontConnections(0, []))));
        var total = lists.Sum(list => list.Total);
        ConnectionDescription[] all = [.. lists.SelectMany(list => list.Page).OrderBy(connection => connection.Id, StringComparer.Ordinal).Take(limit + 1)];
        return all.Length > limit ? new ConnectionsPage(total, all[..limit], all[limit - 1].Id) : new ConnectionsPage(total, all, null);
    }

    public async Task<FrontError[]> Errors(int limit, string? kind, string? front)
    {
        Check(limit);
        if (kind is not null && !FrontError.Kinds.Contains(kind))
            throw new ArgumentException($"There are no errors of the kind '{kind}'; there are {string.Join(", ", FrontError.Kinds)}.");
        var fronts = await FrontsOrOne(front);
        var lists = await Task.WhenAll(fronts.Select(known => Ask(known.Front, known.Observer.Errors(kind, limit), [])));
        return [.. lists.SelectMany(list => list).OrderByDescending(error => error.LastAt).Take(limit)];
    }

    public async Task<int?> Drain(string front, bool isOn)
    {
        ArgumentException.ThrowIfNullOrEmpty(front);
        var fronts = await Directory.Fronts();
        return Array.Find(fronts, known => known.Front == front) is { Observer: { } observer } ? await observer.Drain(isOn) : null;
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

    private async Task<FrontEntry[]> FrontsOrOne(string? front)
    {
        var fronts = await Directory.Fronts();
        if (front is null)
            return fronts;
        return Array.Find(fronts, known => known.Front == front) is { Observer: not null } one
            ? [one]
            : throw new ArgumentException($"There is no front '{front}'; there are {string.Join(", ", fronts.Select(known => known.Front))}.");
    }

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
