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
    private static readonly TimeSpan s_way = TimeSpan.FromSeconds(2); // of a call to a front and its answer

    public async Task<int> Send(RoomMessage message) => (await Deliver(message)).Connections;

    public Task<DirectReceipt> Deliver(RoomMessage message)
    {
        var user = CheckedName();
        var body = MessageBody.Encode(message, options.Value.MaxContentBytes);
        return Partition(user).Send(new DirectMessage { User = user, From = message.From, Id = message.Id, Body = body, IsService = true });
    }

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

    public Task<int> Join(string room)
    {
        var user = CheckedName();
        Names.Check(room, "room");
        return GrainFactory.AskFronts(front => front.Join(room, user));
    }

    public Task<int> Leave(string room)
    {
        var user = CheckedName();
        Names.Check(room, "room");
        return GrainFactory.AskFronts(front => front.Remove(room, user));
    }

    public Task<int> Reauthorize()
    {
        var user = CheckedName();
        return GrainFactory.AskFronts(front => front.ReauthorizeUser(user));
    }

    public Task Block(TimeSpan? duration) => Revocations.BlockUser(CheckedName(), duration);

    public Task Unblock() => Revocations.UnblockUser(CheckedName());

    public Task RevokeTokens() => Revocations.RevokeTokensOf(CheckedName());

    public async Task<string?> Call(string method, string? data, TimeSpan? timeout)
    {
        var user = CheckedName();
        var (encoded, timeToAnswer) = CallRules.Check(method, data, timeout, options.Value.MaxContentBytes);
        var away = new CallAnswer(null, CallException.UserNotFound, "The user is not connected.");
        var connections = await Partition(user).Find(user);
        var fronts = connections.Length == 0 ? [] : await FrontsOf(connections);
        var answer = await CallAnswer.First(fronts.Select(front => CallAt(front, user, method, encoded, timeToAnswer)), away);
        if (answer.Code is not null)
            throw new CallException(answer.Code, answer.Message ?? answer.Code);
        return answer.Data is null ? null : Encoding.UTF8.GetString(answer.Data);
    }

    public async Task<UserDescription> Describe()
    {
        var user = CheckedName();
        var connections = await Partition(user).Find(user);
        if (connections.Length == 0)
            return new UserDescription([], []);
        // The fronts know which rooms their connections are in; asking when somebody wants to know costs nothing otherwise.
        var rooms = await Task.WhenAll((await FrontsOf(connections)).Select(front => RoomsAt(front, user)));
        return new UserDescription(connections, [.. rooms.SelectMany(names => names).Distinct().Order(StringComparer.Ordinal)]);
    }

    public async Task<InboxDescription> DescribeInbox()
    {
        var user = CheckedName();
        var inbox = await GrainFactory.GetGrain<IRoomGrain>(InboxKey.Of(user)).DescribeInbox();
        if (inbox.Connections > 0)
            return inbox;
        // One without messages does not know them.
        var connections = await Partition(user).Find(user);
        var fronts = connections.Length == 0 ? [] : await FrontsOf(connections);
        var open = await Task.WhenAll(fronts.Select(front => InboxesAt(front, user)));
        return inbox with { Connections = open.Sum() };
    }

    private async Task<FrontEntry[]> FrontsOf(UserConnection[] connections)
    {
        var fronts = await GrainFactory.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key).Fronts();
        return [.. fronts.Where(front => Array.Exists(connections, known => known.Front == front.Front))];
    }

    /// <summary>A front that is gone answers never: it is waited for no longer than its clients would be, and what its answer takes to come.</summary>
    private async Task<CallAnswer> CallAt(FrontEntry front, string user, string method, byte[]? data, TimeSpan timeout)
    {
        try
        {
            return await front.Observer.Call(user, method, data, timeout).WaitAsync(timeout + s_way, time);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogNoCall(front.Front, user, exception));
            return new CallAnswer(null, CallException.CallTimeout, "The user's front did not answer in time.");
        }
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

    /// <summary>A front that does not answer is left out.</summary>
    private async Task<int> InboxesAt(FrontEntry front, string user)
    {
        try
        {
            return await front.Observer.InboxesOf(user);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogNoInboxes(front.Front, user, exception));
            return 0;
        }
    }

    private Task<int> Push(FrontEventKind kind, byte[] body)
    {
        var user = CheckedName();
        return Partition(user).Push(new FrontEvent
        {
            Kind = kind,
            Target = user,
            Body = body,
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

    [LoggerMessage(3, LogLevel.Warning, "Front {Front} did not say how many connections of user {User} have the inbox; they are left out.")]
    private partial void LogNoInboxes(string front, string user, Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "Front {Front} did not answer a call to user {User}.")]
    private partial void LogNoCall(string front, string user, Exception exception);
}
