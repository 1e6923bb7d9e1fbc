namespace Realtime.EmbeddedOrleans.Tests;

internal static class Engine
{
    public static bool IsEmbedded { get; } = typeof(Grain).Assembly.GetName().Name == "EmbeddedOrleans";

    /// <summary>For tests of what Orleans itself does not promise.</summary>
    public static void SkipUnlessEmbedded(string why) => Assert.SkipUnless(IsEmbedded, $"Of the embedded engine only: {why}");
}
