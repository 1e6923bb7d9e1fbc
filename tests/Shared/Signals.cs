using System.Diagnostics;

namespace Realtime.Tests.Shared;

internal static class Signals
{
    /// <summary>Sends a signal, as <c>kill</c> names it, to a process that the tests have started.</summary>
    public static async Task Send(string signal, int process)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{process}"]);
        await kill.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.True(kill.ExitCode == 0, $"kill -{signal} {process} failed.");
    }
}
