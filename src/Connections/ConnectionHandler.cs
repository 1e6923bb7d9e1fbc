namespace Realtime.Connections;

/// <summary>
/// What an application does with its connections. One instance serves a whole endpoint; it is made by dependency injection, so its
/// constructor takes loggers, databases, caches. For one connection the methods are called one after the other, never at the same time.
/// </summary>
/// <remarks>An exception in any of them is logged and closes that connection with <see cref="CloseCodes.InternalError"/>.</remarks>
public abstract class ConnectionHandler
{
    /// <summary>The connection is made; what is received waits until the task completes.</summary>
    public virtual ValueTask OnConnected(Connection connection) => default;

    /// <summary>A message came. The next one waits until the task completes; <see cref="Message.Data"/> is valid until then.</summary>
    public virtual ValueTask OnMessage(Connection connection, Message message) => default;

    /// <summary>
    /// Sees every message that the application sends by one of the connection's Send methods, before it goes out; false holds it back.
    /// Messages that are fanned out (<see cref="Connection.Deliver"/>, <see cref="ConnectionRegistry"/>) do not pass here. Costs nothing
    /// unless it is overridden; may be called from any thread, by several at once.
    /// </summary>
    public virtual bool OnSend(Connection connection, Frame frame) => true;

    /// <summary>The connection has ended; called once for every one that <see cref="OnConnected"/> was called for, after all other calls.</summary>
    public virtual ValueTask OnClosed(Connection connection, ushort code, string reason) => default;

    /// <summary>
    /// Whether none of the methods ever blocks or computes for long, a millisecond say. Then they are called on the thread that reads the
    /// sockets, where that is possible, which saves a change of threads for each message; meanwhile that thread's other sockets wait.
    /// </summary>
    public virtual bool NeverBlocks => false;

    /// <summary>Whether messages need arrays of their own, because they are kept after <see cref="OnMessage"/>.</summary>
    internal virtual bool KeepsMessages => false;

    /// <summary>
    /// The peer began to close, or broke a rule: nothing more comes from it, and until the task completes it can still be sent answers to
    /// what came before. That is waited for up to <see cref="ConnectionOptions.CloseTimeout"/>. Not called when it went without a word.
    /// </summary>
    public virtual ValueTask OnInputEnded(Connection connection) => default;

    internal bool OverridesOnSend => GetType().GetMethod(nameof(OnSend), [typeof(Connection), typeof(Frame)])!.DeclaringType != typeof(ConnectionHandler);
}
