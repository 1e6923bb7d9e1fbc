namespace Realtime.Connections;

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

    private static readonly int s_limit = Linux.DescriptorLimit();
    private static readonly int s_reserve = Math.Min(Reserve, s_limit / 4);

    /// <summary>Whether this descriptor is one of the last.</summary>
    public static bool IsInReserve(int descriptor) => descriptor >= s_limit - s_reserve;
}
