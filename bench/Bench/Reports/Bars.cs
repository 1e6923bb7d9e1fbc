namespace Realtime.Bench.Reports;

/// <summary>A bar for each server, as long as the median of its figures; a line from the least to the most of them.</summary>
internal sealed class Bars(string title, string what)
{
    private const int Width = 640, Left = 240, Right = 70, Top = 36, RowHeight = 24, Bottom = 44;

    private readonly List<(string Name, IReadOnlyCollection<double> Figures, bool IsOurs)> _rows = [];

    public void Add(string name, IReadOnlyCollection<double> figures, bool isOurs) => _rows.Add((name, figures, isOurs));

    /// <summary>Writes it to <c>plots/(name).svg</c>; returns that path.</summary>
    public string Write(string folder, string name)
    {
        var height = Top + (_rows.Count * RowHeight) + Bottom;
        var svg = new Svg(title, Width, height);
        var axis = new Axis(_rows.Max(row => row.Figures.Max()));
        double At(double value) => Left + (value / axis.Top * (Width - Left - Right));
        foreach (var (value, text) in axis.Marks)
        {
            svg.Line(At(value), Top, At(value), height - Bottom, "#ddd");
            svg.Text(At(value), height - Bottom + 14, "middle", text);
        }
        svg.Text(Left + ((Width - Left - Right) / 2), height - 10, "middle", what);
        foreach (var (i, (server, figures, isOurs)) in _rows.Index())
        {
            var (y, middle, median) = (Top + (i * RowHeight), Top + ((i + 0.5) * RowHeight), figures.Median());
            svg.Text(Left - 8, middle + 4, "end", server, isOurs ? "font-weight=\"bold\"" : "");
            svg.Rectangle(Left, y + 4, At(median) - Left, RowHeight - 8, isOurs ? "#d55e00" : "#999");
            svg.Line(At(figures.Min()), middle, At(figures.Max()), middle, "black");
            svg.Text(At(figures.Max()) + 6, middle + 4, "start", Spread.Figure(median));
        }
        return svg.Write(folder, name);
    }
}
