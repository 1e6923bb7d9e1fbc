namespace Realtime.Connections.Receiving;

/// <summary>Runs one function per connection, which receives when it likes; the connection closes when it returns.</summary>
internal sealed class DelegateHandler(Func<Connection, Task> function) : ConnectionHandler
{
    internal override bool KeepsMessages => true;

    public override ValueTask OnConnected(Connection connection)
    {
        connection.Input.Queue = new ReceiveQueue(connection.Options.ReceiveQueue, connection.Options.ReceiveQueueBytes);
        _ = Task.Run(() => RunAsync(connection)); // not in the read loop, which must go on whatever the function does
        return default;
    }

    public override ValueTask OnMessage(Connection connection, Message message)
    {
        connection.Input.Queue!.Write(message); // the connection has waited for space
        return default;
    }

    public override ValueTask OnInputEnded(Connection connection) => new(connection.Input.Queue!.DrainAsync());

    private async Task RunAsync(Connection connection)
    {
        try
        {
            await function(connection);
            connection.Lifecycle.BeginClose(CloseCodes.Normal, "");
        }
        catch (Exception e)
        {
            connection.HandlerFailed(e);
        }
        finally
        {
            connection.Input.Queue!.ReceiverEnded();
        }
    }
}
