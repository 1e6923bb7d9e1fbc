using System.Text.RegularExpressions;

namespace Realtime.Fuzz.Tests;

/// <summary>What went wrong, with a few examples of each sort.</summary>
internal sealed partial class FuzzFailures
{
    private const int Examples = 3;

    private readonly Dictionary<string, List<string>> _sorts = [];
    private int _count;

    public int Count => Volatile.Read(ref _count);

    /// <summary>Adds one: its first line tells its sort, but for names and numbers.</summary>
    public void Add(string source, string failure)
    {
        Interlocked.Increment(ref _count);
        var sort = $"{source} {Particulars().Replace(failure.Split('\n')[0], "*")}";
        sort = sort[..Math.Min(sort.Length, 100)];
        lock (_sorts)
        {
            if (!_sorts.TryGetValue(sort, out var examples))
                _sorts.Add(sort, examples = []);
            examples.Add(examples.Count < Examples ? failure : "");
        }
    }

    public override string ToString()
    {
        lock (_sorts)
        {
            return string.Join("\n\n", _sorts.Values.OrderByDescending(examples => examples.Count)
                .Select(examples => $"{examples.Count} times:\n{string.Join('\n', examples.Take(Examples))}"));
        }
    }

    [GeneratedRegex(@"\d+|traceId\S*|'[^']*'|q\d+\S*|, last|/\S*")]
    private static partial Regex Particulars();
}
