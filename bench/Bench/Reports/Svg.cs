using System.Globalization;
using System.Security;
using System.Text;

namespace Realtime.Bench.Reports;

/// <summary>A picture that is being written.</summary>
internal sealed class Svg
{
    private readonly StringBuilder _text = new();

    public Svg(string title, int width, int height)
    {
        _text.Append(
            $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" role="img">""" + "\n");
        _text.Append($"""<title>{SecurityElement.Escape(title)}</title><rect width="{width}" height="{height}" fill="white"/>""" + "\n");
        Text(width / 2, 20, "middle", title, "font-size=\"14\"");
    }

    public void Text(double x, double y, string anchor, string text, string more = "") =>
        _text.Append($"""<text x="{N(x)}" y="{N(y)}" text-anchor="{anchor}" {more}>{SecurityElement.Escape(text)}</text>""" + "\n");

    public void Line(double x1, double y1, double x2, double y2, string colour) =>
        _text.Append($"""<line x1="{N(x1)}" y1="{N(y1)}" x2="{N(x2)}" y2="{N(y2)}" stroke="{colour}"/>""" + "\n");

    public void Rectangle(double x, double y, double width, double height, string colour, string more = "") =>
        _text.Append($"""<rect x="{N(x)}" y="{N(y)}" width="{N(width)}" height="{N(height)}" fill="{colour}" {more}/>""" + "\n");

    public void Circle(double x, double y, string colour) =>
        _text.Append($"""<circle cx="{N(x)}" cy="{N(y)}" r="3" fill="{colour}"/>""" + "\n");

    public void Path(IEnumerable<(double X, double Y)> points, string colour) =>
        _text.Append($"""<polyline fill="none" stroke="{colour}" stroke-width="2" points="{string.Join(' ', points.Select(point => $"{N(point.X)},{N(point.Y)}"))}"/>""" + "\n");

    /// <summary>Writes it to <c>plots/(name).svg</c>; returns that path.</summary>
    public string Write(string folder, string name)
    {
        var path = $"plots/{name}.svg";
        Directory.CreateDirectory(System.IO.Path.Combine(folder, "plots"));
        File.WriteAllText(System.IO.Path.Combine(folder, path), $"{_text}</svg>\n");
        return path;
    }

    private static string N(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);
}
