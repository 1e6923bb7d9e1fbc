using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using Realtime.Client.Protocol;
using Realtime.Client.State;

namespace Realtime.Client;

/// <summary>
/// A room that a client has joined, over any number of connections, until it is left or the server takes the user out. Members are safe for any thread.
/// </summary>
public sealed class RealtimeRoom
{
    private readonly Session _session;
    private readonly RoomState _state;

    internal RealtimeRoom(Session session, RoomState state) => (_session, _state) = (session, state);

    /// <summary>Its name.</summary>
    public string Name => _state.Name;

    /// <summary>Whether this connection is in it now; otherwise it is being joined again, or was left.</summary>
    public bool IsJoined => _session.Read(_state, static state => state.IsJoined);

    /// <summary>Where it is: the position of the last message that came, which may still wait to be read. Null when not known.</summary>
    public Position? Position => _session.Read(_state, static state => state.Position);

    /// <summary>Users in the room: as the server counted them last, and up and down with who came and went since.</summary>
    public long Members => _session.Read(_state, static state => state.Members);

    /// <summary>
    /// The room's state by key, as it is now, where it was joined with <see cref="JoinOptions.State"/>; else null. A dictionary that does not change: each read gives the newest. What
    /// the server bounds (<c>Rooms:MaxStateKeys</c>, <c>Rooms:MaxStateBytes</c>) bounds it. It is ahead of messages that wait to be read, and stays as it was when the room is left.
    /// What a service has set and left this client out of (<c>exclude</c>) is not in it, as its key is not told.
    /// </summary>
    public IReadOnlyDictionary<string, RoomEntry>? State => _session.Read(_state, static state => state.Entries);

    /// <summary>
    /// The messages from the join on, once each and in order, over any number of cuts. One that comes after others that are lost says so:
    /// <see cref="RoomMessage.Missed"/>. They wait for the reader in bounded space (<see cref="RealtimeClientOptions.ReceiveMessages"/>); beyond it the oldest give
    /// way, and that is told. It ends when the room is left or the client closed; reading goes on where it was when it is begun again.
    /// </summary>
    /// <exception cref="InvalidOperationException">The room is read already, by this or <see cref="EventsAsync"/>: one at a time can.</exception>
    /// <exception cref="RealtimeException">Behind the last message: the server has taken the user out of the room, does not let them in again, or has stopped the client.</exception>
    public async IAsyncEnumerable<RoomMessage> MessagesAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        RoomMissed? missed = null;
        await foreach (var its in _state.Events.ReadAll(cancellation).ConfigureAwait(false))
        {
            switch (its)
            {
                case RoomMissed loss:
                    missed = loss;
                    break;
                case RoomMessage message:
                    message.Missed = missed;
                    missed = null;
                    yield return message;
                    break;
            }
        }
    }

    /// <summary>The same with all else that happens in the room, in its order: joins of this client, losses, who comes and goes.</summary>
    /// <exception cref="InvalidOperationException">The room is read already: one at a time can.</exception>
    /// <exception cref="RealtimeException">As with <see cref="MessagesAsync"/>.</exception>
    public IAsyncEnumerable<RoomEvent> EventsAsync(CancellationToken cancellation = default) => _state.Events.ReadAll(cancellation);

    /// <summary>
    /// Sends a message. Without a connection it waits for one; without an answer it is sent again under the same id, until its time is over.
    /// </summary>
    /// <param name="content">A string of valid Unicode.</param>
    /// <param name="cancellation">Ends the wait. A message that was sent already may arrive all the same.</param>
    /// <returns>Its position, once it is in the room's log.</returns>
    /// <exception cref="ArgumentException">Content or id are not valid, or the id is that of a message that waits.</exception>
    /// <exception cref="RealtimeException">The server has refused it, or one of <see cref="RealtimeErrorCodes"/>. When too much waits it fails at once (<c>queue_full</c>).</exception>
    [OverloadResolutionPriority(1)] // for a target-typed new() of the options
    public Task<Position> PublishAsync(string content, PublishOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        return PublishAsync(default(JsonData), content, options, cancellation);
    }

    /// <summary>Sends a message with data.</summary>
    /// <inheritdoc cref="PublishAsync(string, PublishOptions?, CancellationToken)"/>
    public Task<Position> PublishAsync<T>(T data, JsonTypeInfo<T> type, PublishOptions? options = null, CancellationToken cancellation = default) =>
        PublishAsync(JsonData.From(data, type), content: null, options, cancellation);

    /// <summary>Sends a message with data and content.</summary>
    /// <inheritdoc cref="PublishAsync(string, PublishOptions?, CancellationToken)"/>
    public async Task<Position> PublishAsync(JsonData data, string? content = null, PublishOptions? options = null, CancellationToken cancellation = default)
    {
        RealtimeClient.CheckBody(content, data);
        CheckOptions(options?.Id, options?.Timeout);
        var receipt = await _session.PublishAsync(_state, null, options, content, data, cancellation).ConfigureAwait(false);
        return receipt.Position.GetValueOrDefault();
    }

    /// <summary>
    /// Sets a key of the room's state, by a message that members get with this <see cref="RoomMessage.Key"/>. It is tried as <see cref="PublishAsync(string, PublishOptions?, CancellationToken)"/>
    /// is. The room need not be joined with <see cref="JoinOptions.State"/>.
    /// </summary>
    /// <param name="key">1 to 128 bytes.</param>
    /// <param name="cancellation">Ends the wait. What was sent already may arrive all the same.</param>
    /// <returns>The message's position, once the room has kept it; its sequence is the key's version.</returns>
    /// <exception cref="ArgumentException">Key, data or an option are not valid, or the id is that of a message that waits.</exception>
    /// <exception cref="RealtimeException"><see cref="RealtimeErrorCodes.VersionConflict"/>, <see cref="RealtimeErrorCodes.StateFull"/>, or as with a publish.</exception>
    public Task<Position> SetAsync<T>(string key, T data, JsonTypeInfo<T> type, SetOptions? options = null, CancellationToken cancellation = default) =>
        SetAsync(key, JsonData.From(data, type), options, cancellation);

    /// <inheritdoc cref="SetAsync{T}(string, T, JsonTypeInfo{T}, SetOptions?, CancellationToken)"/>
    [OverloadResolutionPriority(1)] // for a target-typed new() of the options
    public Task<Position> SetAsync(string key, JsonData data, SetOptions? options = null, CancellationToken cancellation = default)
    {
        if (data.IsNone)
            throw new ArgumentException($"Data is missing; {nameof(RemoveAsync)} deletes a key.");
        if (options?.TimeToLive is { TotalMilliseconds: < 100 or > 365 * 24 * 3_600_000L })
            throw new ArgumentOutOfRangeException(nameof(options), options.TimeToLive, $"{nameof(SetOptions.TimeToLive)} must be from 100 ms to 365 days.");
        return ChangeAsync(key, data, options?.TimeToLive, options, cancellation);
    }

    /// <summary>Deletes a key of the room's state, whether it is there or not, by a message that members get with <see cref="RoomMessage.IsDeleted"/>.</summary>
    /// <inheritdoc cref="SetAsync{T}(string, T, JsonTypeInfo{T}, SetOptions?, CancellationToken)"/>
    public Task<Position> RemoveAsync(string key, ChangeOptions? options = null, CancellationToken cancellation = default)
    {
        if (options is SetOptions { TimeToLive: not null })
            throw new ArgumentException($"A key that is deleted has no {nameof(SetOptions.TimeToLive)}.", nameof(options));
        return ChangeAsync(key, default, null, options, cancellation);
    }

    private async Task<Position> ChangeAsync(string key, JsonData data, TimeSpan? timeToLive, ChangeOptions? options, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(key);
        NameRule.CheckId(key, "The key");
        if (options?.IfVersion is < 0)
            throw new ArgumentOutOfRangeException(nameof(options), options.IfVersion, $"{nameof(ChangeOptions.IfVersion)} must be 0 or more.");
        CheckOptions(options?.Id, options?.Timeout);
        var publish = options is null ? null : new PublishOptions { Id = options.Id, Timeout = options.Timeout, Echo = options.Echo };
        var receipt = await _session.PublishAsync(_state, null, publish, null, data, cancellation, new(key, data, options?.IfVersion, timeToLive)).ConfigureAwait(false);
        return receipt.Position.GetValueOrDefault();
    }

    private static void CheckOptions(string? id, TimeSpan? timeout)
    {
        if (id is not null)
            NameRule.CheckId(id, nameof(PublishOptions.Id));
        if (timeout is { } time)
            RealtimeClientOptions.Check(nameof(PublishOptions.Timeout), time);
    }

    /// <summary>
    /// Sends a message that is of use only now, as that somebody types, to who is in the room (<see cref="EphemeralMessage"/>). It has no position and is kept nowhere. It is sent
    /// once, on the connection that is open; without one it fails with <see cref="RealtimeErrorCodes.Offline"/>.
    /// </summary>
    /// <param name="key">1 to 128 bytes: for a member who reads too slowly the newest of this sender, room and key takes the place of the older one.</param>
    /// <param name="echo">Whether this client gets it itself; by default as <see cref="JoinOptions.Echo"/> of the room.</param>
    /// <returns>When it is on its way.</returns>
    /// <exception cref="ArgumentException">Content or key are not valid.</exception>
    /// <exception cref="RealtimeException">The server has refused it, or there was no answer.</exception>
    public Task PublishEphemeralAsync(string content, string? key = null, bool? echo = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        return PublishEphemeralAsync(default, content, key, echo, cancellation);
    }

    /// <inheritdoc cref="PublishEphemeralAsync(string, string?, bool?, CancellationToken)"/>
    public Task PublishEphemeralAsync(JsonData data, string? content = null, string? key = null, bool? echo = null, CancellationToken cancellation = default)
    {
        RealtimeClient.CheckBody(content, data);
        if (key is not null)
            NameRule.CheckId(key, nameof(key));
        return _session.AskAsync(
            id => FrameWriter.Ephemeral(id, Name, key, echo, content, data), static (scoped in _) => true, _session.Options.AnswerTimeout, cancellation, waits: false);
    }

    /// <summary>
    /// Changes what the others see of this client in the room: they get a <see cref="MemberUpdated"/>, of several changes close together perhaps of the last one only.
    /// </summary>
    /// <param name="data">By default at most 1 KiB.</param>
    /// <returns>When the room has it; without a connection the next join brings it.</returns>
    /// <exception cref="ArgumentException">There is no data; the JSON value <c>null</c> is one.</exception>
    /// <exception cref="RealtimeException">The server has refused it: what was shown before stays. Or there was no answer.</exception>
    public Task UpdateAsync(JsonData data, CancellationToken cancellation = default) =>
        data.IsNone ? throw new ArgumentException("Data is missing; it is what the others see.") : _session.UpdateAsync(_state, data, cancellation);

    /// <inheritdoc cref="UpdateAsync(JsonData, CancellationToken)"/>
    public Task UpdateAsync<T>(T data, JsonTypeInfo<T> type, CancellationToken cancellation = default) => UpdateAsync(JsonData.From(data, type), cancellation);

    /// <summary>A page of the users in the room, with what they show of themselves.</summary>
    /// <param name="after">The <see cref="MembersPage.Next"/> of the page before; null for the first.</param>
    /// <param name="limit">1 to 1,000; by default as the server has it.</param>
    /// <exception cref="ArgumentException">One of them is not valid.</exception>
    /// <exception cref="RealtimeException">The server has refused it, or there was no answer.</exception>
    public Task<MembersPage> MembersAsync(string? after = null, int? limit = null, CancellationToken cancellation = default)
    {
        if (!string.IsNullOrEmpty(after))
            NameRule.Check(after, "'after'");
        if (limit is < 1 or > 1000)
            throw new ArgumentOutOfRangeException(nameof(limit), limit, "It must be from 1 to 1000.");
        return _session.AskAsync(id => FrameWriter.Members(id, Name, after, limit), Pages.Members, _session.Options.AnswerTimeout, cancellation);
    }

    /// <summary>A page of the messages that the room has kept, oldest first.</summary>
    /// <inheritdoc cref="RealtimeClient.HistoryAsync"/>
    public Task<HistoryPage> HistoryAsync(long? before = null, int? limit = null, string? epoch = null, CancellationToken cancellation = default) =>
        _session.HistoryAsync(Name, before, limit, epoch, cancellation);

    /// <summary>Leaves the room: its messages end, and those that have no answer yet fail with <see cref="RealtimeErrorCodes.Left"/>.</summary>
    /// <exception cref="RealtimeException">There was no answer. The room counts as left all the same.</exception>
    public Task LeaveAsync() => _session.LeaveAsync(_state);
}
