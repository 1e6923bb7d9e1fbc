namespace Realtime.WebFront.Tests.Operation;

/// <summary>For what comes in a moment and is told by nobody.</summary>
internal static class Wait
{
    public static async Task Until(Func<Task<bool>> isSo)
    {
        using var bound = new CancellationTokenSource(TestClient.Bound);
        while (!await isSo())
            await Task.Delay(20, bound.Token);
    }
}
