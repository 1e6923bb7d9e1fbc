using System.Text;

namespace Realtime.Cluster;

/// <summary>The output: whole lines, from any thread, each at once; those of a process behind its name.</summary>
internal sealed class Lines : IDisposable
{
    private readonly StreamWriter _writer = new(Console.OpenStandardOutput(), new UTF8Encoding(false)) { AutoFlush = true };
    private readonly List<string> _names = [];
    private readonly bool _hasColours = !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    public void Write(string line)
    {
        lock (_writer)
            _writer.Write(line + "\n");
    }

    public void Write(string name, string line)
    {
        lock (_writer)
        {
            if (!_names.Contains(name))
                _names.Add(name);
            var (start, end) = _hasColours ? ($"\e[3{_names.IndexOf(name) % 6 + 1}m", "\e[0m") : ("", "");
            _writer.Write($"{start}{name,-8} |{end} {line}\n");
        }
    }

    public void Dispose() => _writer.Dispose();
}
