namespace Realtime.Connections.Registry;

/// <summary>The loop that gives a frame to many connections; for very many, on several cores at once.</summary>
internal static class FanOut
{
    // So many sends take milliseconds; for fewer another core is hardly awake before they are done.
    private const int LeastPerCore = 512;

    /// <summary>Returns when each connection has taken or refused it, so that a caller's frames stay in order. How many took it.</summary>
    public static int Run(Connection[] members, Connection? except, Func<Connection, bool>? to, Frame frame)
    {
        int parts = Math.Min(members.Length / LeastPerCore, Environment.ProcessorCount);
        return parts > 1 ? RunOnCores(parts, members, except, to, frame) : RunHere(members, except, to, frame);
    }

    private static int RunOnCores(int parts, Connection[] members, Connection? except, Func<Connection, bool>? to, Frame frame)
    {
        int reached = 0;
        Parallel.For(0, parts, part =>
        {
            int from = (int)((long)members.Length * part / parts), end = (int)((long)members.Length * (part + 1) / parts);
            Interlocked.Add(ref reached, RunHere(members.AsSpan(from, end - from), except, to, frame));
        });
        return reached;
    }

    private static int RunHere(ReadOnlySpan<Connection> members, Connection? except, Func<Connection, bool>? to, Frame frame)
    {
        int reached = 0;
        foreach (var member in members)
            if (member != except && (to is null || to(member)) && member.DeliverUncounted(frame))
                reached++;
        return reached;
    }
}
