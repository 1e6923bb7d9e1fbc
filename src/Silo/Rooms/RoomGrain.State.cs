using Microsoft.Extensions.DependencyInjection;
using Realtime.Silo.Logs;

namespace Realtime.Silo.Rooms;

/// <summary>The state of the room, as services read it and as the silo counts it.</summary>
internal sealed partial class RoomGrain
{
    private long _stateBytes; // counted in the silo's budget

    public async Task<StatePage> State(string? after, int limit)
    {
        if (limit is < 1 or > Limits.PageSize)
            throw new ArgumentOutOfRangeException(nameof(limit), limit, $"limit is {limit}; it must be 1 to {Limits.PageSize}.");
        if (!string.IsNullOrEmpty(after) && KeyRules.Problem(after, isEphemeral: false, null, null, isDeleted: false, hasBody: true) is { } problem)
            throw new RequestException(RequestException.BadRequest, $"'after' is no key. {problem}");
        CheckIsRoom();
        await OpenToRead();
        DeactivateIfUnused();
        return _room.StatePage(after, limit);
    }

    /// <summary>How long an empty room has to stay for its state: as long as a log would keep it, when it is nowhere else.</summary>
    private TimeSpan StateTime
    {
        get
        {
            if (_room.StateExpiresAt == 0 || _log is not { Mark.Term: 0 })
                return TimeSpan.Zero;
            var age = ServiceProvider.GetRequiredService<LogSettings>().RoomAge;
            var left = Math.Max(0, _room.StateExpiresAt - _room.NowMs());
            return left < age.TotalMilliseconds ? TimeSpan.FromMilliseconds(left) : age;
        }
    }

    private void CountState()
    {
        if (_room.StateBytes == _stateBytes)
            return;
        ServiceProvider.GetRequiredService<StateBudget>().Add(_room.StateBytes - _stateBytes);
        _stateBytes = _room.StateBytes;
    }

    /// <summary>The room is not on this silo any more.</summary>
    private void EndState()
    {
        ServiceProvider.GetRequiredService<StateBudget>().Add(-_stateBytes);
        _stateBytes = 0;
    }
}
