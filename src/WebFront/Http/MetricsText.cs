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
    private readonly ConcurrentDictionary<Instrument, Series> _series = new();

    public MetricsText()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name.StartsWith("Realtime.", StringComparison.Ordinal))
                listener.EnableMeasurementEvents(instrument, _series.GetOrAdd(instrument, static _ => new Series()));
        };
        _listener.SetMeasurementEventCallback<long>(static (instrument, value, tags, series) => Record(instrument, value, tags, series));
        _listener.SetMeasurementEventCallback<int>(static (instrument, value, tags, series) => Record(instrument, value, tags, series));
        _listener.SetMeasurementEventCallback<double>(static (instrument, value, tags, series) => Record(instrument, value, tags, series));
        _listener.Start();
    }

    public string Write()
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (var (instrument, series) in _series.OrderBy(entry => entry.Key.Name, StringComparer.Ordinal))
        {
            var values = series.Values;
            if (values.Count == 0)
                continue;
            var name = NameOf(instrument);
            text.Append("# HELP ").Append(name).Append(' ').Append(Escape(instrument.Description ?? "", quotes: false)).Append('\n');
            text.Append("# TYPE ").Append(name).Append(IsCounter(instrument) ? " counter\n" : " gauge\n");
            foreach (var (labels, cell) in values.OrderBy(value => value.Key, StringComparer.Ordinal))
                text.Append(CultureInfo.InvariantCulture, $"{name}{labels} {cell.Value}\n");
        }
        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();

    private static void Record(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? series)
    {
        var cell = ((Series)series!).CellOf(tags);
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

    /// <summary>The values of one instrument, by their labels.</summary>
    private sealed class Series
    {
        // Several measurements are taken per message, so the usual ones find their cell without making a text of their labels.
        // So many are compared one by one; an instrument with more sets of tags than this is not one of the hot path.
        private const int MostKnown = 8;

        private readonly ConcurrentDictionary<string, Cell> _values = new();
        private readonly Lock _gate = new();
        private (KeyValuePair<string, object?>[] Tags, Cell Cell)[] _known = []; // replaced, never changed

        public ConcurrentDictionary<string, Cell> Values => _values;

        public Cell CellOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (var (known, cell) in _known)
            {
                if (AreSame(known, tags))
                    return cell;
            }
            return Add(tags);
        }

        private Cell Add(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var cell = _values.GetOrAdd(LabelsOf(tags), static _ => new Cell());
            lock (_gate)
            {
                if (_known.Length < MostKnown)
                    _known = [.. _known, (tags.ToArray(), cell)];
            }
            return cell;
        }

        private static bool AreSame(KeyValuePair<string, object?>[] known, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (known.Length != tags.Length)
                return false;
            for (var i = 0; i < known.Length; i++)
            {
                if (known[i].Key != tags[i].Key || !Equals(known[i].Value, tags[i].Value))
                    return false;
            }
            return true;
        }
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
