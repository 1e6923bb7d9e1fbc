using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;

namespace Realtime.SignalR;

/// <summary>What SignalR calls: a hub's <see cref="Backplane"/> under the names of SignalR.</summary>
internal sealed class RealtimeHubLifetimeManager<THub>(
    BackplaneService backplanes, IHubProtocolResolver protocols, IOptions<HubOptions> options, IOptions<HubOptions<THub>> hubOptions)
    : HubLifetimeManager<THub>
    where THub : Hub
{
    private readonly Backplane _backplane =
        backplanes.Of<THub>(new HubSerializer(protocols, hubOptions.Value.SupportedProtocols ?? options.Value.SupportedProtocols));

    public override Task OnConnectedAsync(HubConnectionContext connection) => _backplane.Connect(connection);

    public override Task OnDisconnectedAsync(HubConnectionContext connection)
    {
        _backplane.Disconnect(connection);
        return Task.CompletedTask;
    }

    public override Task SendAllAsync(string methodName, object?[] args, CancellationToken cancellationToken = default) =>
        _backplane.Send(Topic.All, methodName, args, null, cancellationToken);

    public override Task SendAllExceptAsync(string methodName, object?[] args, IReadOnlyList<string> excludedConnectionIds, CancellationToken cancellationToken = default) =>
        _backplane.Send(Topic.All, methodName, args, excludedConnectionIds, cancellationToken);

    public override Task SendConnectionAsync(string connectionId, string methodName, object?[] args, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connectionId);
        return _backplane.SendToConnections([connectionId], methodName, args, cancellationToken);
    }

    public override Task SendConnectionsAsync(IReadOnlyList<string> connectionIds, string methodName, object?[] args, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connectionIds);
        return _backplane.SendToConnections(connectionIds, methodName, args, cancellationToken);
    }

    public override Task SendGroupAsync(string groupName, string methodName, object?[] args, CancellationToken cancellationToken = default) =>
        _backplane.Send(GroupTopic(groupName), methodName, args, null, cancellationToken);

    public override Task SendGroupExceptAsync(string groupName, string methodName, object?[] args, IReadOnlyList<string> excludedConnectionIds, CancellationToken cancellationToken = default) =>
        _backplane.Send(GroupTopic(groupName), methodName, args, excludedConnectionIds, cancellationToken);

    public override Task SendGroupsAsync(IReadOnlyList<string> groupNames, string methodName, object?[] args, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(groupNames);
        return _backplane.SendToEach([.. groupNames.Where(name => !string.IsNullOrEmpty(name)).Select(Topic.Group)], methodName, args, cancellationToken);
    }

    public override Task SendUserAsync(string userId, string methodName, object?[] args, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(userId);
        return _backplane.Send(Topic.User(userId), methodName, args, null, cancellationToken);
    }

    public override Task SendUsersAsync(IReadOnlyList<string> userIds, string methodName, object?[] args, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(userIds);
        return _backplane.SendToEach([.. userIds.Where(id => !string.IsNullOrEmpty(id)).Select(Topic.User)], methodName, args, cancellationToken);
    }

    public override Task AddToGroupAsync(string connectionId, string groupName, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connectionId);
        return _backplane.ChangeGroup(HubEventKind.Enter, connectionId, GroupTopic(groupName), cancellationToken);
    }

    public override Task RemoveFromGroupAsync(string connectionId, string groupName, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connectionId);
        return _backplane.ChangeGroup(HubEventKind.Leave, connectionId, GroupTopic(groupName), cancellationToken);
    }

    public override Task<T> InvokeConnectionAsync<T>(string connectionId, string methodName, object?[] args, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connectionId);
        return _backplane.Invoke<T>(connectionId, methodName, args, cancellationToken);
    }

    public override Task SetConnectionResultAsync(string connectionId, CompletionMessage result)
    {
        ArgumentNullException.ThrowIfNull(connectionId);
        ArgumentNullException.ThrowIfNull(result);
        _backplane.Results.Complete(connectionId, result);
        return Task.CompletedTask;
    }

    public override bool TryGetReturnType(string invocationId, [NotNullWhen(true)] out Type? type) => _backplane.Results.TryGetType(invocationId, out type);

    private static string GroupTopic(string groupName)
    {
        ArgumentNullException.ThrowIfNull(groupName);
        return Topic.Group(groupName);
    }
}
