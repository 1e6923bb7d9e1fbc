using System.Globalization;

namespace Realtime.Bench.Reports;

/// <summary>The figures of several runs: the median, and between what they lie.</summary>
internal static class Spread
{
    public static double Median(this IReadOnlyCollection<double> values)
    {
        var sorted = values.Order().ToArray();
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /// <summary>As in tables: <c>0.52 (0.50-0.61)</c>.</summary>
    public static string Show(this IReadOnlyCollection<double> values) => values.Count == 0 ? "-"
        : values.Count == 1 ? Figure(values.First())
        : $"{Figure(values.Median())} ({Figure(values.Min())}-{Figure(values.Max())})";

    /// <summary>Three digits that mean something.</summary>
    public static string Figure(double value)
    {
        var format = Math.Abs(value) switch { >= 100 => "#,0", >= 10 => "0.0", >= 1 => "0.00", _ => "0.000" };
        return value.ToString(format, CultureInfo.InvariantCulture);
    }
}
