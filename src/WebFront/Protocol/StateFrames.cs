using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Protocol;

/// <summary>Writes the frames of a room's state. <c>content</c> and <c>data</c> go into them as the JSON text that they came as.</summary>
internal static class StateFrames
{
    /// <summary>What an entry has beside its key, sender and body, about.</summary>
    private const int Overhead = 96;

    /// <summary>The state as frames of at most <see cref="Limits.StateBytes"/>, or with one entry that is longer; one also when there is nothing.</summary>
    public static List<Frame> Pages(LocalRoom room, StateEntry[] entries)
    {
        var pages = new List<Frame>();
        var start = 0;
        do
        {
            var (end, bytes) = (start, Limits.StateBytes);
            while (end < entries.Length && ((bytes -= SizeOf(entries[end])) >= 0 || end == start))
                end++;
            pages.Add(Page(room, entries.AsSpan(start..end), end < entries.Length));
            start = end;
        }
        while (start < entries.Length);
        return pages;
    }

    private static int SizeOf(StateEntry entry) => Overhead + entry.Body.Length + 2 * (entry.Key.Length + (entry.From?.Length ?? 0));

    private static Frame Page(LocalRoom room, ReadOnlySpan<StateEntry> entries, bool more)
    {
        var frame = MessageFrames.Builder;
        frame.BeginText();
        frame.Write("{\"type\":\"state\",\"room\":"u8);
        frame.Write(room.QuotedName);
        frame.Write(",\"entries\":["u8);
        for (var i = 0; i < entries.Length; i++)
        {
            if (i > 0)
                frame.Write(","u8);
            frame.WriteEntry(entries[i]);
        }
        frame.Write(more ? "],\"more\":true}"u8 : "],\"more\":false}"u8);
        frame.End();
        return frame.Build(null, null, 0);
    }

    private static void WriteEntry(this FrameBuilder frame, StateEntry entry)
    {
        frame.Write("{\"key\":"u8);
        frame.WriteString(entry.Key);
        if (entry.From is not null)
        {
            frame.Write(",\"from\":"u8);
            frame.WriteString(entry.From);
        }
        if (entry.IsService)
            frame.Write(",\"service\":true"u8);
        frame.Write(","u8);
        frame.Write(entry.Body);
        frame.Write(",\"seq\":"u8);
        frame.WriteNumber(entry.Sequence);
        frame.Write(",\"timestamp\":"u8);
        frame.WriteNumber(entry.Timestamp);
        if (entry.Expires > 0)
        {
            frame.Write(",\"expires\":"u8);
            frame.WriteNumber(entry.Expires);
        }
        frame.Write("}"u8);
    }
}
