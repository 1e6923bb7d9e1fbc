namespace Realtime.Connections.Transport;

/// <summary>
/// Which descriptors are left alone when one more would only be convenient: a process that has none left cannot start a thread, load a
/// library or open a log.
/// </summary>
/// <remarks>
/// The system gives the lowest number that is free (POSIX, File Descriptor Allocation), so the number of a new descriptor says how many
/// are in use at least. Nothing has to be counted.
/// </remarks>
internal static class DescriptorLimit
{
    private const int Reserve = 64; // at most a quarter of all

    private static int s_first = First(); // of the reserve

    /// <summary>Whether this descriptor is one of the last. The limit can be raised while the process runs (prlimit).</summary>
    public static bool IsInReserve(int descriptor) => descriptor >= s_first && descriptor >= (s_first = First());

    private static int First()
    {
        var limit = Linux.DescriptorLimit();
        return limit - Math.Min(Reserve, limit / 4);
    }
}
