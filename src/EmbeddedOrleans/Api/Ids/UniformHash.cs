namespace Orleans.Runtime;

/// <summary>FNV-1a over UTF-16 units: cheap, and equal in every process.</summary>
internal static class UniformHash
{
    public static uint Of(string text)
    {
        var hash = 2166136261u;
        foreach (var unit in text)
            hash = (hash ^ unit) * 16777619u;
        return hash;
    }
}
