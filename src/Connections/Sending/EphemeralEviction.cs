namespace Realtime.Connections.Sending;

/// <summary>What a queue does with ephemeral messages: the newest of a key takes the place of the older one, and in a full queue the oldest give way first.</summary>
/// <param name="frames">The queue's.</param>
/// <param name="first">The first frame that is not being written: what comes before cannot give way, and takes no space of others.</param>
/// <param name="options">The queue's bounds.</param>
internal readonly ref struct EphemeralEviction(FrameRing frames, int first, ConnectionOptions options)
{
    /// <summary>Drops the message of a key, of which there is one at most.</summary>
    public bool DropKey(string key)
    {
        if (frames.Ephemeral == 0)
            return false;
        // From the newest on: keys that are sent often are near.
        for (int i = frames.Count - 1; i >= first; i--)
        {
            if (frames[i].EphemeralKey == key)
            {
                frames.RemoveAt(i);
                return true;
            }
        }
        return false;
    }

    /// <summary>Drops the oldest until there is space for a frame.</summary>
    /// <returns>Whether there is space now.</returns>
    public bool TryMakeSpace(ref int dropped)
    {
        var (messages, bytes) = Written();
        int at = first;
        while (frames.Messages - messages >= options.QueueMessages || frames.Bytes - bytes >= options.QueueBytes)
        {
            while (at < frames.Count && frames[at].EphemeralKey is null)
                at++;
            if (at == frames.Count)
                return false;
            dropped += frames[at].Messages;
            frames.RemoveAt(at);
        }
        return true;
    }

    private (int Messages, int Bytes) Written()
    {
        var (messages, bytes) = (0, 0);
        for (int i = 0; i < first; i++)
        {
            if (frames[i].EphemeralKey is not null)
                (messages, bytes) = (messages + frames[i].Messages, bytes + frames[i].Bytes.Length);
        }
        return (messages, bytes);
    }
}
