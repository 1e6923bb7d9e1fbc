using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Orleans.Runtime;
using Realtime.Silo.Hosting;

namespace Realtime.Server;

/// <summary>Runs a host as a process: what its user can mend is told in a line on standard error, not as a stack trace.</summary>
internal static class HostProcess
{
    private const string SpinLimit = "System.Threading.ThreadPool.UnfairSemaphoreSpinLimit";

    /// <summary>Makes the application and runs it until it is told to stop. To be called first of all.</summary>
    /// <returns>The exit code: 0, or 1 when it could not start.</returns>
    public static async Task<int> Run(Func<WebApplication> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        KeepIdleThreadsFromSpinning();
        try
        {
            await make().RunAsync();
            return Environment.ExitCode;
        }
        catch (OperationCanceledException)
        {
            return Environment.ExitCode; // it was told to stop while it started
        }
        catch (Exception exception) when (Explain(exception) is { } reason)
        {
            foreach (var line in reason.Split('\n'))
                await Console.Error.WriteLineAsync($"realtime: {line}");
            return 1;
        }
    }

    // A thread of the pool that has run out of work looks for more for a while before it sleeps. With a single core, that only
    // takes time from the thread that would have to make the work. The pool reads the setting when it starts.
    private static void KeepIdleThreadsFromSpinning()
    {
        if (Environment.ProcessorCount == 1 && AppContext.GetData(SpinLimit) is null)
            AppContext.SetData(SpinLimit, 0);
    }

    /// <summary>The reasons in words, one a line, when they lie in the configuration or around the process; null when it is a defect.</summary>
    internal static string? Explain(Exception exception) => exception switch
    {
        OptionsValidationException validation => string.Join('\n', validation.Failures),
        StartException or OrleansConfigurationException => exception.Message,
        IOException { InnerException: AddressInUseException } => exception.Message,
        // What the framework reads by itself, as the section Kestrel, and says what is wrong with.
        InvalidOperationException or FormatException when exception.Source is "Microsoft.Extensions.Configuration.Binder" or "Microsoft.AspNetCore.Server.Kestrel.Core" =>
            exception.Message.ReplaceLineEndings(" "),
        DirectoryNotFoundException { Source: "Microsoft.Extensions.FileProviders.Physical" } missing => $"There is no folder {missing.Message}; contentRoot must name one.",
        // A settings file that is not JSON, which says where.
        InvalidDataException { InnerException: FormatException { InnerException: { } inner } } bad => $"{bad.Message} {inner.Message}".ReplaceLineEndings(" "),
        AggregateException many when many.InnerExceptions.Select(Explain).ToArray() is var reasons && reasons.All(reason => reason is not null) => string.Join('\n', reasons),
        _ => exception.InnerException is { } inner ? Explain(inner) : null,
    };
}
