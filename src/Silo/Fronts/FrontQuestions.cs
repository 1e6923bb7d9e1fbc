namespace Realtime.Silo.Fronts;

/// <summary>What has to be done at every front.</summary>
internal static class FrontQuestions
{
    /// <summary>Asks all fronts at once; the sum of their answers. Fails when one does not answer: what is asked may be asked again.</summary>
    public static async Task<int> AskFronts(this IGrainFactory grains, Func<IFrontObserver, Task<int>> question)
    {
        var fronts = await grains.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key).Fronts();
        return (await Task.WhenAll(fronts.Select(front => question(front.Observer)))).Sum();
    }

    /// <summary>Throws when a reason does not fit into a close frame.</summary>
    /// <exception cref="ArgumentException">It is too long.</exception>
    public static void CheckReason(string? reason)
    {
        if (reason is not null && System.Text.Encoding.UTF8.GetByteCount(reason) is var bytes and > Limits.ReasonBytes)
            throw new ArgumentException($"The reason has {bytes} bytes of UTF-8; it may have {Limits.ReasonBytes}.", nameof(reason));
    }
}
