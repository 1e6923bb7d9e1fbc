using System.Globalization;
using OpenTelemetry.Trace;
using Realtime.Silo.Hosting;

namespace Realtime.Server;

/// <summary>
/// Chooses the traces that are begun here: of publishes and of requests, as many as the standard variables <c>OTEL_TRACES_SAMPLER</c> and
/// <c>OTEL_TRACES_SAMPLER_ARG</c> say. What grains call by themselves, as for leases, begins none.
/// </summary>
internal sealed class RootSampler(Sampler sampler) : Sampler
{
    private static readonly string[] s_roots = ["realtime ", "Microsoft.AspNetCore.", "GET", "POST", "PUT", "DELETE"];

    /// <summary>Where a trace comes from elsewhere, who has begun it has chosen.</summary>
    /// <exception cref="StartException">A variable has a value that it may not have.</exception>
    public static Sampler Of(IConfiguration configuration)
    {
        var (name, argument) = (configuration["OTEL_TRACES_SAMPLER"], configuration["OTEL_TRACES_SAMPLER_ARG"]);
        Sampler root = name switch
        {
            null or "" or "always_on" or "parentbased_always_on" => new AlwaysOnSampler(),
            "always_off" or "parentbased_always_off" => new AlwaysOffSampler(),
            "traceidratio" or "parentbased_traceidratio" => new TraceIdRatioBasedSampler(Ratio(argument)),
            _ => throw new StartException($"OTEL_TRACES_SAMPLER is '{name}'; it must be always_on, always_off, traceidratio, or one of them behind parentbased_."),
        };
        return name is "always_on" or "always_off" or "traceidratio" ? new RootSampler(root) : new ParentBasedSampler(new RootSampler(root));
    }

    public override SamplingResult ShouldSample(in SamplingParameters samplingParameters)
    {
        var name = samplingParameters.Name;
        return samplingParameters.ParentContext.TraceId != default || Array.Exists(s_roots, root => name.StartsWith(root, StringComparison.Ordinal))
            ? sampler.ShouldSample(samplingParameters)
            : new SamplingResult(SamplingDecision.Drop);
    }

    private static double Ratio(string? argument) => argument is null ? 1
        : double.TryParse(argument, NumberStyles.Float, CultureInfo.InvariantCulture, out var ratio) && ratio is >= 0 and <= 1 ? ratio
        : throw new StartException($"OTEL_TRACES_SAMPLER_ARG is '{argument}'; it must be a number from 0 to 1.");
}
