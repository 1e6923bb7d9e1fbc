using System.Globalization;
using System.Text;

namespace Realtime.Bench.Reports;

/// <summary>The figures of one size.</summary>
internal readonly record struct PlotPoint(double X, double Least, double Median, double Most);

/// <summary>A line plot as SVG: sizes on a logarithmic axis, figures on a linear one that begins at 0.</summary>
internal sealed class Plot(string title, string x, string y)
{
    private const int Width = 640, Height = 360, Left = 70, Right = 20, Top = 40, Bottom = 60;

    // Told apart also by who sees no difference of red and green.
    private static readonly string[] s_colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

    private readonly List<(string Name, PlotPoint[] Points, (double From, double To)? Band)> _series = [];

    /// <param name="band">Shaded, from side to side: where the figures should be.</param>
    public void Add(string name, PlotPoint[] points, (double From, double To)? band) => _series.Add((name, points, band));

    /// <summary>Writes it to <c>plots/(name).svg</c>; returns that path.</summary>
    public string Write(string folder, string name)
    {
        var path = $"plots/{name}.svg";
        Directory.CreateDirectory(Path.Combine(folder, "plots"));
        File.WriteAllText(Path.Combine(folder, path), Svg());
        return path;
    }

    private string Svg()
    {
        var all = _series.SelectMany(series => series.Points).ToArray();
        var svg = new StringBuilder(
            $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {Height}" font-family="sans-serif" font-size="12" role="img">""" + "\n");
        svg.Append($"""<title>{title}</title><rect width="{Width}" height="{Height}" fill="white"/>""" + "\n");
        Text(svg, Width / 2, 20, "middle", title, "font-size=\"14\"");
        Text(svg, Left + ((Width - Left - Right) / 2), Height - 32, "middle", x);
        Text(svg, 16, Height / 2, "middle", y, $"transform=\"rotate(-90 16 {Height / 2})\"");
        if (all.Length > 0)
            Draw(svg, all);
        return svg.Append("</svg>\n").ToString();
    }

    private void Draw(StringBuilder svg, PlotPoint[] all)
    {
        var (least, most) = (Math.Log10(all.Min(point => point.X)), Math.Log10(all.Max(point => point.X)));
        var highest = Math.Max(all.Max(point => point.Most), _series.Max(series => series.Band?.To ?? 0));
        var step = NiceStep(highest);
        var top = Math.Ceiling(highest / step) * step;
        double AtX(double value) => Left + ((Math.Log10(value) - least) / Math.Max(1e-9, most - least) * (Width - Left - Right));
        double AtY(double value) => Height - Bottom - (value / top * (Height - Top - Bottom));

        for (var line = 0.0; line <= top + (step / 2); line += step)
        {
            svg.Append($"""<line x1="{Left}" x2="{Width - Right}" y1="{N(AtY(line))}" y2="{N(AtY(line))}" stroke="#ddd"/>""" + "\n");
            Text(svg, Left - 6, AtY(line) + 4, "end", line.ToString("0.##", CultureInfo.InvariantCulture));
        }
        foreach (var value in all.Select(point => point.X).Distinct())
            Text(svg, AtX(value), Height - Bottom + 16, "middle", value.ToString("#,0", CultureInfo.InvariantCulture));
        foreach (var ((name, points, band), i) in _series.Select((series, i) => (series, i)))
        {
            var colour = s_colours[i % s_colours.Length];
            if (band is var (from, to))
                svg.Append($"""<rect x="{Left}" width="{Width - Left - Right}" y="{N(AtY(to))}" height="{N(AtY(from) - AtY(to))}" fill="{colour}" opacity="0.12"/>""" + "\n");
            svg.Append($"""<polyline fill="none" stroke="{colour}" stroke-width="2" points="{string.Join(' ', points.Select(point => $"{N(AtX(point.X))},{N(AtY(point.Median))}"))}"/>""" + "\n");
            foreach (var point in points)
            {
                svg.Append($"""<circle cx="{N(AtX(point.X))}" cy="{N(AtY(point.Median))}" r="3" fill="{colour}"/>""");
                svg.Append($"""<line x1="{N(AtX(point.X))}" x2="{N(AtX(point.X))}" y1="{N(AtY(point.Least))}" y2="{N(AtY(point.Most))}" stroke="{colour}"/>""" + "\n");
            }
            Text(svg, Left + (i * 200), Height - 10, "start", name, $"fill=\"{colour}\"");
        }
    }

    private static double NiceStep(double top)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(top, 1e-6))));
        return (top / power) switch { <= 2 => power / 2, <= 5 => power, _ => power * 2 };
    }

    private static void Text(StringBuilder svg, double x, double y, string anchor, string text, string more = "") =>
        svg.Append($"""<text x="{N(x)}" y="{N(y)}" text-anchor="{anchor}" {more}>{System.Security.SecurityElement.Escape(text)}</text>""" + "\n");

    private static string N(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);
}
