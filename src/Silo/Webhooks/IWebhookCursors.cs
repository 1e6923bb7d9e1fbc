using Realtime.Silo.Logs;

namespace Realtime.Silo.Webhooks;

/// <summary>How far receivers have accepted the messages of rooms. It is beside a log that outlasts its process, and is lost with no silo.</summary>
internal interface IWebhookCursors
{
    /// <summary>Where receivers are in a room whose log has just been opened; those that it does not know begin after its last message.</summary>
    /// <param name="room">The room's number in the log.</param>
    /// <param name="receivers">Their names here.</param>
    /// <param name="sequence">Of the room's last message.</param>
    /// <param name="user">Who has the room opened.</param>
    /// <returns>The sequence of the last message that each has accepted.</returns>
    /// <exception cref="LogException">It cannot be read now.</exception>
    ValueTask<long[]> Open(long room, string[] receivers, long sequence, string user);

    /// <summary>Receivers have accepted more. A cursor never goes back, and one of another epoch changes nothing.</summary>
    Task Save(WebhookCursor[] cursors, CancellationToken cancellation);

    /// <summary>Rooms with messages that one of the receivers has not accepted, in the order of their numbers.</summary>
    /// <param name="receivers">Their names here.</param>
    /// <param name="after">Only rooms with greater numbers.</param>
    /// <param name="limit">The most rooms.</param>
    /// <param name="cancellation">Ends it.</param>
    Task<(long Number, string Name)[]> Behind(string[] receivers, long after, int limit, CancellationToken cancellation);
}

/// <summary>A receiver has accepted a room's messages up to a sequence.</summary>
internal readonly record struct WebhookCursor(string Room, string Epoch, string Receiver, long Sequence);
