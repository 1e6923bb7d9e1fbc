namespace Realtime.Grains;

/// <summary>What some messages carry from the front that took them to those that deliver them, to be measured on the way; most have none.</summary>
/// <param name="SentAt">When the front took it, in Unix microseconds of its clock.</param>
/// <param name="Parent">The activity that it is part of, as <c>traceparent</c> of W3C Trace Context; null when it is not traced.</param>
[GenerateSerializer, Immutable, Alias("realtime.message.trace")]
public sealed record MessageTrace([property: Id(0)] long SentAt, [property: Id(1)] string? Parent = null)
{
    /// <summary>Unix microseconds of a time.</summary>
    internal static long Microseconds(DateTimeOffset time) => (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
}
