using System.Globalization;

namespace Realtime.Bench.Reports;

/// <summary>The figures of one size.</summary>
internal readonly record struct PlotPoint(double X, double Least, double Median, double Most);

/// <summary>A line plot: sizes on a logarithmic axis, figures on a linear one that begins at 0.</summary>
internal sealed class Plot(string title, string x, string y)
{
    private const int Width = 640, Height = 360, Left = 70, Right = 30, Top = 40, Bottom = 66;

    // Told apart also by who sees no difference of red and green.
    private static readonly string[] s_colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

    private readonly List<(string Name, PlotPoint[] Points, (double From, double To)? Band)> _series = [];

    /// <param name="band">Shaded, from side to side: where the figures should be.</param>
    public void Add(string name, PlotPoint[] points, (double From, double To)? band) => _series.Add((name, points, band));

    /// <summary>Writes it to <c>plots/(name).svg</c>; returns that path.</summary>
    public string Write(string folder, string name)
    {
        var svg = new Svg(title, Width, Height);
        svg.Text(Left + ((Width - Left - Right) / 2), Height - 32, "middle", x);
        svg.Text(16, Height / 2, "middle", y, $"transform=\"rotate(-90 16 {Height / 2})\"");
        PlotPoint[] all = [.. _series.SelectMany(series => series.Points)];
        if (all.Length > 0)
            Draw(svg, all);
        return svg.Write(folder, name);
    }

    private void Draw(Svg svg, PlotPoint[] all)
    {
        var (least, most) = (Math.Log10(all.Min(point => point.X)), Math.Log10(all.Max(point => point.X)));
        var axis = new Axis(Math.Max(all.Max(point => point.Most), _series.Max(series => series.Band?.To ?? 0)));
        double AtX(double value) => Left + ((Math.Log10(value) - least) / Math.Max(1e-9, most - least) * (Width - Left - Right));
        double AtY(double value) => Height - Bottom - (value / axis.Top * (Height - Top - Bottom));

        foreach (var (value, text) in axis.Marks)
        {
            svg.Line(Left, AtY(value), Width - Right, AtY(value), "#ddd");
            svg.Text(Left - 6, AtY(value) + 4, "end", text);
        }
        foreach (var value in all.Select(point => point.X).Distinct())
            svg.Text(AtX(value), Height - Bottom + 16, "middle", value.ToString("#,0", CultureInfo.InvariantCulture));
        foreach (var (i, (name, points, band)) in _series.Index())
        {
            var colour = s_colours[i % s_colours.Length];
            if (band is var (from, to))
                svg.Rectangle(Left, AtY(to), Width - Left - Right, AtY(from) - AtY(to), colour, "opacity=\"0.12\"");
            svg.Path(points.Select(point => (AtX(point.X), AtY(point.Median))), colour);
            foreach (var point in points)
            {
                svg.Circle(AtX(point.X), AtY(point.Median), colour);
                svg.Line(AtX(point.X), AtY(point.Least), AtX(point.X), AtY(point.Most), colour);
            }
            svg.Text(Left + (i * 200), Height - 10, "start", name, $"fill=\"{colour}\"");
        }
    }
}
