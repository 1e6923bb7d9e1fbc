using System.Runtime.InteropServices;

namespace Realtime.Processes;

/// <summary>What a process can be sent, with the numbers of Linux.</summary>
public enum Signal
{
    /// <summary>SIGINT: Ctrl-C; PostgreSQL cuts off its clients and ends.</summary>
    Interrupt = 2,

    /// <summary>SIGQUIT: PostgreSQL ends without tidying up.</summary>
    Quit = 3,

    /// <summary>SIGKILL: the end, at once.</summary>
    Kill = 9,

    /// <summary>SIGTERM: it is asked to end in good order.</summary>
    Terminate = 15,

    /// <summary>SIGCONT: after <see cref="Suspend"/> it runs again.</summary>
    Continue = 18,

    /// <summary>SIGSTOP: it hangs.</summary>
    Suspend = 19,
}

internal static partial class SystemCalls
{
    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int process, int signal);
}
