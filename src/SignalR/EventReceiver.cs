using Realtime.SignalR.Results;

namespace Realtime.SignalR;

/// <summary>Hears this server's stream: gives messages to connections in their order, answers other servers, and takes their answers.</summary>
internal sealed partial class EventReceiver(Backplane backplane) : IAsyncBatchObserver<HubEvent>
{
    // A server's id is new at each start. If so many have followed it, it is long gone.
    private const int MostServers = 1024;

    // By server and partition, the number of the last event.
    private readonly Dictionary<string, long[]> _numbers = [];

    public Task OnNextAsync(IList<SequentialItem<HubEvent>> items)
    {
        if (items is IPushBatch<HubEvent> batch)
        {
            foreach (var item in batch.Events)
                TryReceive(item);
        }
        else
        {
            foreach (var item in items)
                TryReceive(item.Item);
        }
        return Task.CompletedTask;
    }

    public Task OnErrorAsync(Exception exception)
    {
        if (exception is PushGapException gap)
            BackplaneMetrics.Missed.Add(gap.Dropped);
        LogError(backplane.Log, exception);
        return Task.CompletedTask;
    }

    /// <summary>A defect costs this event and no other.</summary>
    private void TryReceive(HubEvent received)
    {
        try
        {
            if (received.Topic is not null && !IsNew(received, received.Topic))
                return;
            Receive(received);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogFailed(backplane.Log, received.Kind, exception));
        }
    }

    /// <summary>A batch that was in a silo that died is sent again, and may have come already.</summary>
    private bool IsNew(HubEvent received, string topic)
    {
        if (!_numbers.TryGetValue(received.Server, out var numbers))
        {
            if (_numbers.Count == MostServers)
                _numbers.Clear();
            _numbers.Add(received.Server, numbers = new long[Topic.Partitions]);
        }
        ref var last = ref numbers[Topic.PartitionOf(topic)];
        if (received.IsRepeat && received.Number <= last)
            return false;
        last = Math.Max(last, received.Number);
        return true;
    }

    private void Receive(HubEvent received)
    {
        switch (received.Kind)
        {
            case HubEventKind.Message when received is { Topic: { } topic, Payloads: { } payloads }:
                Deliver(received, topic, payloads);
                break;
            case HubEventKind.Invoke when received is { Payloads: { } payloads, Question: { } id, Connections: [var connection] }:
                Invoke(received.Server, id, backplane.Find(connection), payloads);
                break;
            case HubEventKind.Enter or HubEventKind.Leave when received is { Question: not null, Group: not null, Connections: [var connection] }:
                _ = Change(received, backplane.Find(connection));
                break;
            case HubEventKind.Cancel when received.Question is { } id:
                backplane.Results.Remove(id);
                break;
            case HubEventKind.Answer when received.Question is { } id:
                backplane.Answered(id, received.Server, received.IsFound);
                break;
            case HubEventKind.Result when received is { Question: { } id, Payloads: [var payload] }:
                if (backplane.Results.Find(id) is { } pending)
                    backplane.Results.Complete(pending.ConnectionId, ResultReader.Read(backplane.Serializer.Find(payload.Protocol), payload, id, backplane.Results));
                break;
        }
    }

    private void Deliver(HubEvent received, string topic, HubPayload[] payloads)
    {
        var message = HubSerializer.Wrap(payloads);
        if (received.IsForConnections)
        {
            var connections = (received.Connections ?? []).Select(backplane.Find).OfType<LocalConnection>();
            backplane.Write(connections, message, received.Size, null);
            return;
        }
        backplane.Write(backplane.Members(topic), message, received.Size, received.Connections?.ToHashSet());
    }

    private void Invoke(string server, string id, LocalConnection? connection, HubPayload[] payloads)
    {
        backplane.Answer(server, new HubEvent { Kind = HubEventKind.Answer, Server = backplane.Server, Question = id, IsFound = connection is not null });
        if (connection is null)
            return;
        var context = connection.Context;
        CancellationTokenRegistration aborted = default;
        backplane.Results.Add(new ForwardedResult(id, connection.Id, result =>
        {
            aborted.Dispose();
            backplane.Answer(server, new HubEvent
            {
                Kind = HubEventKind.Result,
                Server = backplane.Server,
                Question = id,
                Payloads = [HubSerializer.Write(context.Protocol, result)],
            });
        }));
        aborted = context.ConnectionAborted.UnsafeRegister(_ =>
        {
            if (backplane.Results.Remove(id))
                backplane.Answer(server, new HubEvent { Kind = HubEventKind.Answer, Server = backplane.Server, Question = id });
        }, null);
        backplane.Write([connection], HubSerializer.Wrap(payloads), payloads.Sum(payload => payload.Bytes.Length), null);
    }

    private async Task Change(HubEvent received, LocalConnection? connection)
    {
        try
        {
            if (connection is not null)
                await (received.Kind == HubEventKind.Enter ? backplane.Enter(received.Group!, connection) : backplane.Leave(received.Group!, connection));
            backplane.Answer(received.Server, new HubEvent
            {
                Kind = HubEventKind.Answer,
                Server = backplane.Server,
                Question = received.Question,
                IsFound = connection is not null,
            });
        }
        catch (Exception exception)
        {
            // Who asked waits until its time is over, as it would for a call of its own.
            SafeLog.Write(() => LogFailed(backplane.Log, received.Kind, exception));
        }
    }

    [LoggerMessage(1, LogLevel.Error, "An event of kind {Kind} failed.")]
    private static partial void LogFailed(ILogger log, HubEventKind kind, Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "The server's stream is broken: messages for its connections are lost.")]
    private static partial void LogError(ILogger log, Exception exception);
}
