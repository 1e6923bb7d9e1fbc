namespace Realtime.Connections;

/// <summary>Runs one function per connection, which receives when it likes; the connection closes when it returns.</summary>
internal sealed class DelegateHandler(Func<Connection, Task> function) : ConnectionHandler
{
    internal override bool KeepsMessages => true;

    public override ValueTask OnConnected(Connection connection)
    {
        connection.Inbox = new Inbox(connection.Options.ReceiveQueue, connection.Options.ReceiveQueueBytes);
        _ = Task.Run(() => RunAsync(connection)); // not in the read loop, which must go on whatever the function does
        return default;
    }

    public override ValueTask OnMessage(Connection connection, Message message)
    {
        connection.Inbox!.Write(message); // the connection has waited for room
        return default;
    }

    public override ValueTask OnInputEnded(Connection connection) => new(connection.Inbox!.DrainAsync());

    private async Task RunAsync(Connection connection)
    {
        try
        {
            await function(connection);
            connection.BeginClose(CloseCodes.Normal, "");
        }
        catch (Exception e)
        {
            connection.HandlerFailed(e);
        }
        finally
        {
            connection.Inbox!.ReceiverEnded();
        }
    }
}
