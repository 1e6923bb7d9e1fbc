using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Realtime.Settings;

/// <summary>Histograms with boundaries that suit what the libraries measure, whoever exports them.</summary>
internal static class Histograms
{
    private static readonly InstrumentAdvice<double> s_short = new()
    {
        HistogramBucketBoundaries = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    };

    private static readonly InstrumentAdvice<double> s_long = new()
    {
        HistogramBucketBoundaries = [1, 10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600],
    };

    private static readonly InstrumentAdvice<long> s_counts = new()
    {
        HistogramBucketBoundaries = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000],
    };

    /// <summary>Of what takes 0.1 ms to 10 s.</summary>
    public static Histogram<double> CreateTimes(this Meter meter, string name, string description) => meter.CreateHistogram(name, "s", description, tags: null, s_short);

    /// <summary>Of what takes seconds to a day.</summary>
    public static Histogram<double> CreateLives(this Meter meter, string name, string description) => meter.CreateHistogram(name, "s", description, tags: null, s_long);

    /// <summary>Of how many there are.</summary>
    public static Histogram<long> CreateCounts(this Meter meter, string name, string unit, string description) => meter.CreateHistogram(name, unit, description, tags: null, s_counts);

    /// <summary>Takes the time since a timestamp of <see cref="Stopwatch"/>.</summary>
    public static void RecordSince(this Histogram<double> histogram, long start)
    {
        if (histogram.Enabled)
            histogram.Record(Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    /// <summary>The same, with one attribute.</summary>
    public static void RecordSince(this Histogram<double> histogram, long start, KeyValuePair<string, object?> attribute)
    {
        if (histogram.Enabled)
            histogram.Record(Stopwatch.GetElapsedTime(start).TotalSeconds, attribute);
    }
}
