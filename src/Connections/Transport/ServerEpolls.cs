using System.Globalization;

namespace Realtime.Connections;

/// <summary>
/// Takes sockets out of the epolls of .NET's own socket engine. A watch ends when the last descriptor of the socket is closed, and not when
/// one of two is: without this, the engine's thread would wake up for every message of a socket that it no longer knows.
/// </summary>
internal static class ServerEpolls
{
    private const string EpollLink = "anon_inode:[eventpoll]";

    private static int[] s_found = [];
    private static volatile int s_misses;

    // When no epoll had a socket, they are looked for again, unless that has been in vain so often that there is nothing to be found.
    private const int MostMisses = 16;

    public static void Forget(int socket)
    {
        if (TryForget(socket, s_found) || s_misses > MostMisses)
            return;
        if (Find() is not { } found)
            return; // what was found before stands, and the next socket asks again
        s_found = found;
        if (!TryForget(socket, found))
            s_misses++;
    }

    private static bool TryForget(int socket, int[] epolls)
    {
        foreach (int epoll in epolls)
            if (Linux.Forget(epoll, socket))
                return true;
        return false;
    }

    /// <summary>Looks for them early, while there are descriptors to look with.</summary>
    public static void Prepare()
    {
        if (Find() is { } found)
            s_found = found;
    }

    // Null when it was not possible: there is no /proc, or no descriptor to read it with.
    private static int[]? Find()
    {
        var found = new List<int>();
        try
        {
            foreach (var descriptor in new DirectoryInfo("/proc/self/fd").EnumerateFiles())
                if (descriptor.LinkTarget == EpollLink)
                    found.Add(int.Parse(descriptor.Name, CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // until it works the engine wakes up in vain
        }
        return [.. found];
    }
}
