using System.Globalization;

namespace Realtime.Bench.Reports;

/// <summary>An axis from 0 to a round figure that is at least the highest one.</summary>
internal readonly struct Axis
{
    private readonly double _step;

    public Axis(double highest)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(highest, 1e-6))));
        _step = (highest / power) switch { <= 2 => power / 2, <= 5 => power, _ => power * 2 };
        Top = Math.Ceiling(highest / _step) * _step;
    }

    public double Top { get; }

    /// <summary>Where lines go, and what stands beside them.</summary>
    public IEnumerable<(double Value, string Text)> Marks
    {
        get
        {
            for (var i = 0; i * _step <= Top + (_step / 2); i++)
                yield return (i * _step, (i * _step).ToString("#,0.##", CultureInfo.InvariantCulture));
        }
    }
}
