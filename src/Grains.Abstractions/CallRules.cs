namespace Realtime.Grains;

/// <summary>What a call to clients may ask, whoever makes it.</summary>
internal static class CallRules
{
    private static readonly TimeSpan s_shortest = TimeSpan.FromMilliseconds(100);

    /// <summary>Checks the method's name and the time, and encodes the data.</summary>
    /// <exception cref="RequestException">A name or data that is not allowed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The time is out of its range.</exception>
    public static (byte[]? Data, TimeSpan Time) Check(string method, string? data, TimeSpan? timeout, int bound)
    {
        Names.Check(method, "method");
        var time = timeout ?? Limits.DefaultCallTime;
        if (time < s_shortest || time > Limits.CallTime)
            throw new ArgumentOutOfRangeException(nameof(timeout), time, $"A call may be given {s_shortest} to {Limits.CallTime}.");
        return (data is null ? null : JsonData.Encode(data, bound), time);
    }
}
