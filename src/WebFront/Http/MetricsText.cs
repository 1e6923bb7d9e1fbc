using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Realtime.WebFront.Http;

/// <summary>
/// The product's meters in the Prometheus text format 0.0.4. Small and complete enough for counters and gauges; for
/// anything else, export the meters <c>Realtime.*</c> with OpenTelemetry.
/// </summary>
internal sealed class MetricsText : IDisposable
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<(Instrument, string Labels), Cell> _values = new();

    public MetricsText()
    {
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name.StartsWith("Realtime.", StringComparison.Ordinal))
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Record(instrument, value, tags));
        _listener.Start();
    }

    public string Write()
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (var instrument in _values.GroupBy(value => value.Key.Item1).OrderBy(group => group.Key.Name, StringComparer.Ordinal))
        {
            var name = NameOf(instrument.Key);
            text.Append("# HELP ").Append(name).Append(' ').Append(Escape(instrument.Key.Description ?? "", quotes: false)).Append('\n');
            text.Append("# TYPE ").Append(name).Append(IsCounter(instrument.Key) ? " counter\n" : " gauge\n");
            foreach (var ((_, labels), cell) in instrument.OrderBy(value => value.Key.Labels, StringComparer.Ordinal))
                text.Append(CultureInfo.InvariantCulture, $"{name}{labels} {cell.Value}\n");
        }
        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();

    private void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var cell = _values.GetOrAdd((instrument, LabelsOf(tags)), static _ => new Cell());
        // An observable instrument reports its sum, the others report what to add.
        if (instrument.IsObservable)
            cell.Set(value);
        else
            cell.Add(value);
    }

    private static bool IsCounter(Instrument instrument) =>
        instrument.GetType().GetGenericTypeDefinition() is var type && (type == typeof(Counter<>) || type == typeof(ObservableCounter<>));

    private static string NameOf(Instrument instrument)
    {
        var name = instrument.Name.Replace('.', '_').Replace('-', '_');
        return IsCounter(instrument) ? name + "_total" : name;
    }

    private static string LabelsOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
            return "";
        var text = new StringBuilder("{");
        foreach (var (key, value) in tags)
        {
            if (text.Length > 1)
                text.Append(',');
            text.Append(key.Replace('.', '_')).Append("=\"");
            text.Append(Escape(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "", quotes: true)).Append('"');
        }
        return text.Append('}').ToString();
    }

    private static string Escape(string value, bool quotes)
    {
        var escaped = value.Replace("\\", @"\\").Replace("\n", @"\n");
        return quotes ? escaped.Replace("\"", "\\\"") : escaped;
    }

    private sealed class Cell
    {
        private double _value;

        public double Value => Volatile.Read(ref _value);

        public void Set(double value) => Volatile.Write(ref _value, value);

        public void Add(double value)
        {
            double before;
            do
                before = Volatile.Read(ref _value);
            while (Interlocked.CompareExchange(ref _value, before + value, before) != before);
        }
    }
}
