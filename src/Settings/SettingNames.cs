namespace Realtime.Settings;

/// <summary>Names that are not known, and what was probably meant.</summary>
internal static class SettingNames
{
    private static readonly string[] s_secrets = ["connectionstring", "password", "secret", "key", "token"];

    /// <summary>The name that is meant; null when none is near.</summary>
    public static string? Nearest(string name, IEnumerable<string> known) => known
        .Select(candidate => (Name: candidate, Distance: Distance(name.ToUpperInvariant(), candidate.ToUpperInvariant())))
        .Where(candidate => candidate.Distance <= (candidate.Name.Length < 6 ? 1 : candidate.Name.Length < 12 ? 2 : 3))
        .OrderBy(candidate => candidate.Distance).Select(candidate => candidate.Name).FirstOrDefault();

    /// <summary>Whether a value must not be shown.</summary>
    public static bool IsSecret(string name) => s_secrets.Any(word => name.Contains(word, StringComparison.OrdinalIgnoreCase));

    // Letters that are missing, too many, wrong, or in each other's place (optimal string alignment).
    private static int Distance(string a, string b)
    {
        var table = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    table[i, j] = i + j;
                    continue;
                }
                var best = Math.Min(Math.Min(table[i - 1, j], table[i, j - 1]) + 1, table[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    best = Math.Min(best, table[i - 2, j - 2] + 1);
                table[i, j] = best;
            }
        }
        return table[a.Length, b.Length];
    }
}
