using System.Collections.Frozen;
using System.Diagnostics.Metrics;
using System.Reflection;
using Realtime.Grains;
using Realtime.Settings;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront;

/// <summary>What a front measures on the way of a message. One set of instruments for a process; a measurement allocates nothing.</summary>
internal static class FrontMetrics
{
    /// <summary>Of so many publishes that a front takes, one carries its time to those who deliver it. A power of two.</summary>
    public const int Sampling = 64;

    private const string ErrorType = "error.type";

    private static readonly Meter s_meter = new(FrontTelemetry.MeterName);
    private static readonly Histogram<double> s_publish = s_meter.CreateTimes("realtime.front.publish.duration", "Time from a client's publish to its answer.");
    private static readonly Histogram<double> s_wait = s_meter.CreateTimes("realtime.front.command.wait_time", "Time that the first command of a call waited until it went to its room.");
    private static readonly Histogram<double> s_delivery = s_meter.CreateTimes("realtime.front.delivery.duration", "Time from the front that took a publish until it was given to the sockets of this front, of one in 64; over processes as far as their clocks agree.");
    private static readonly Histogram<double> s_fanOut = s_meter.CreateTimes("realtime.front.fan_out.duration", "Time to give events of a room that came together to its members at this front.");
    private static readonly Histogram<long> s_members = s_meter.CreateCounts("realtime.front.fan_out.connections", "{connection}", "Members at this front that events of a room which came together went to.");
    private static readonly Histogram<long> s_resume = s_meter.CreateCounts("realtime.front.resume.messages", "{message}", "Messages that a client which came back to a room had missed, and got.");
    private static readonly Counter<long> s_errors = s_meter.CreateCounter<long>("realtime.front.errors", "{error}", "Errors that clients were sent, by code; codes of the application are '_OTHER'.");

    private static readonly KeyValuePair<string, object?> s_other = new(ErrorType, "_OTHER");
    private static readonly FrozenDictionary<string, KeyValuePair<string, object?>> s_codes = typeof(ErrorCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (string)field.GetRawConstantValue()!).Distinct().ToFrozenDictionary(code => code, code => KeyValuePair.Create(ErrorType, (object?)code));

    private static int s_publishes = -1;

    /// <summary>What a publish that is taken now carries; null for most.</summary>
    public static MessageTrace? Sample(TimeProvider time) =>
        s_delivery.Enabled && (Interlocked.Increment(ref s_publishes) & (Sampling - 1)) == 0 ? new MessageTrace(MessageTrace.Microseconds(time.GetUtcNow())) : null;

    /// <summary>A publish is answered.</summary>
    /// <param name="start">When it came; a timestamp.</param>
    /// <param name="refusal">The code of the error; null for a success.</param>
    public static void Published(long start, string? refusal)
    {
        if (refusal is null)
            s_publish.RecordSince(start);
        else
            s_publish.RecordSince(start, CodeOf(refusal));
    }

    /// <summary>A call with commands begins, the first of which came at a timestamp.</summary>
    public static void Waited(long since) => s_wait.RecordSince(since);

    /// <summary>Events have been given to the members.</summary>
    public static void FannedOut(ReadOnlySpan<FrontEvent> events, long start, int members, TimeProvider time)
    {
        s_fanOut.RecordSince(start);
        s_members.Record(members);
        foreach (var item in events)
        {
            if (item.Trace is { } trace && s_delivery.Enabled)
                s_delivery.Record(Math.Max(0, MessageTrace.Microseconds(time.GetUtcNow()) - trace.SentAt) / 1e6);
        }
    }

    /// <summary>A client has come back and gets what it missed.</summary>
    public static void Resumed(int messages) => s_resume.Record(messages);

    /// <summary>A client is sent an error.</summary>
    public static void Error(string code) => s_errors.Add(1, CodeOf(code));

    // A hook may choose codes, and each is a series that is kept.
    private static KeyValuePair<string, object?> CodeOf(string code) => s_codes.GetValueOrDefault(code, s_other);
}
