using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Realtime.PushStreams;
using Realtime.Silo.Fronts;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Users;

/// <summary>The way to a user's partition: checks what is sent and asks fronts what only they know. Any silo may have one, for its callers.</summary>
[StatelessWorker(maxLocalWorkers: 1), Reentrant] // one, so that what one caller sends keeps its order
internal sealed partial class UserGrain(TimeProvider time, IOptions<RoomOptions> options, ILogger<UserGrain> logger) : Grain, IUserGrain
{
    public Task<int> Send(RoomMessage message) =>
        Push(FrontEventKind.DirectMessage, MessageBody.Encode(message, options.Value.MaxContentBytes), message.From);

    public Task<int> SendText(string text) => Push(FrontEventKind.DirectText, MessageBody.Text(text, options.Value.MaxContentBytes));

    public Task<int> SendBinary(byte[] data) => Push(FrontEventKind.DirectBinary, MessageBody.Binary(data, options.Value.MaxContentBytes));

    public Task<int> Disconnect(string? reason)
    {
        FrontQuestions.CheckReason(reason);
        return Push(FrontEventKind.Disconnect, reason is null ? [] : Encoding.UTF8.GetBytes(reason));
    }

    public async Task<bool> Close(string connection, string? reason)
    {
        var user = CheckedName();
        ArgumentException.ThrowIfNullOrEmpty(connection);
        FrontQuestions.CheckReason(reason);
        return await GrainFactory.AskFronts(front => front.Close(connection, user, reason)) > 0;
    }

    public Task<int> Reauthorize()
    {
        var user = CheckedName();
        return GrainFactory.AskFronts(front => front.ReauthorizeUser(user));
    }

    public Task Block(TimeSpan? duration) => Revocations.BlockUser(CheckedName(), duration);

    public Task Unblock() => Revocations.UnblockUser(CheckedName());

    public Task RevokeTokens() => Revocations.RevokeTokensOf(CheckedName());

    public async Task<UserDescription> Describe()
    {
        var user = CheckedName();
        var connections = await Partition(user).Find(user);
        if (connections.Length == 0)
            return new UserDescription([], []);
        // The fronts know which rooms their connections are in; asking when somebody wants to know costs nothing otherwise.
        var fronts = await GrainFactory.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key).Fronts();
        var rooms = await Task.WhenAll(fronts.Where(front => Array.Exists(connections, known => known.Front == front.Front)).Select(front => RoomsAt(front, user)));
        return new UserDescription(connections, [.. rooms.SelectMany(names => names).Distinct().Order(StringComparer.Ordinal)]);
    }

    /// <summary>A front that does not answer is left out.</summary>
    private async Task<string[]> RoomsAt(FrontEntry front, string user)
    {
        try
        {
            return await front.Observer.RoomsOf(user);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogNoAnswer(front.Front, user, exception));
            return [];
        }
    }

    private Task<int> Push(FrontEventKind kind, byte[] body, string? from = null)
    {
        var user = CheckedName();
        return Partition(user).Push(new FrontEvent
        {
            Kind = kind,
            Target = user,
            Body = body,
            From = from,
            IsService = true,
            Timestamp = time.GetUtcNow().ToUnixTimeMilliseconds(),
        });
    }

    private string CheckedName()
    {
        var user = this.GetPrimaryKeyString();
        Names.Check(user, "user");
        return user;
    }

    private IRevocationGrain Revocations => GrainFactory.GetGrain<IRevocationGrain>(IRevocationGrain.Key);

    private IUserPartitionGrain Partition(string user) => GrainFactory.GetGrain<IUserPartitionGrain>(IUserPartitionGrain.KeyOf(user));

    [LoggerMessage(1, LogLevel.Warning, "Front {Front} did not say which rooms user {User} is in; they are left out.")]
    private partial void LogNoAnswer(string front, string user, Exception exception);
}
