namespace Realtime.PushStreams;

/// <summary>For the last handler of a loop, a timer or a callback.</summary>
internal static class SafeLog
{
    /// <summary>Writes to the log. A log that fails itself, as with a full disk behind it, does not end what has to go on.</summary>
    public static void Write(Action write)
    {
        try
        {
            write();
        }
        catch (Exception)
        {
            // There is nowhere left to tell it.
        }
    }
}
