using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Realtime.Silo.Hosting;

/// <summary>Runs a host as a process: what its user can mend is told in a line on standard error, not as a stack trace.</summary>
public static class HostProcess
{
    /// <summary>Makes the application and runs it until it is told to stop.</summary>
    /// <returns>The exit code: 0, or 1 when it could not start.</returns>
    public static async Task<int> Run(Func<WebApplication> make)
    {
        ArgumentNullException.ThrowIfNull(make);
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
            await Console.Error.WriteLineAsync($"realtime: {reason}");
            return 1;
        }
    }

    /// <summary>The reason in words, when it lies in the configuration or around the process; null when it is a defect.</summary>
    internal static string? Explain(Exception exception) => exception switch
    {
        OptionsValidationException validation => string.Join(' ', validation.Failures),
        StartException or OrleansConfigurationException => exception.Message,
        IOException { InnerException: AddressInUseException } => exception.Message,
        AggregateException { InnerExceptions: [var only] } => Explain(only),
        _ => exception.InnerException is { } inner ? Explain(inner) : null,
    };
}
