using Orleans;
using Realtime.Grains;
using Realtime.PushStreams;

namespace Realtime.WebFront.Tokens;

/// <summary>
/// Keeps the front's list in step with the grain's, beside what that tells: asked with each renewal of the lease, one small call. A grain
/// that is new has lost its list with a silo, and is given this front's.
/// </summary>
internal sealed partial class RevocationSync(IGrainFactory grains, Revocations revocations, ILogger<RevocationSync> logger)
{
    // Entries in a call.
    private const int PageSize = 5_000;

    private string? _epoch;
    private long _version;
    private Task _comparing = Task.CompletedTask;
    private bool _isFailing;

    /// <summary>The front has had the whole list.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Compares, unless that is still under way. Never fails; what could not be asked is asked the next time.</summary>
    public Task Compare() => _comparing.IsCompleted ? _comparing = TryCompare() : _comparing;

    private async Task TryCompare()
    {
        try
        {
            var grain = grains.GetGrain<IRevocationGrain>(IRevocationGrain.Key);
            for (var more = true; more;)
            {
                var changes = await grain.Changes(_epoch, _version);
                if (changes.Epoch != _epoch)
                {
                    foreach (var page in revocations.All.Chunk(PageSize))
                        await grain.Merge(page);
                    (_epoch, _version) = (changes.Epoch, 0);
                    continue;
                }
                revocations.Apply(changes.Entries);
                if (changes.Entries is [.., var last])
                    _version = last.Version;
                more = changes.More;
            }
            IsComplete = true;
            _isFailing = false;
        }
        catch (Exception exception)
        {
            if (!_isFailing)
                SafeLog.Write(() => LogFailed(exception));
            _isFailing = true;
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The list of revocations could not be asked for; it is tried again, twice a second, and what is known holds.")]
    private partial void LogFailed(Exception exception);
}
