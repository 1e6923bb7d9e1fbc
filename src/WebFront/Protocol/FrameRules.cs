using System.Globalization;
using System.Text;
using Realtime.Grains;

namespace Realtime.WebFront.Protocol;

/// <summary>What the fields of a client's frame may be. Each rule returns what is wrong; null when nothing is.</summary>
internal static class FrameRules
{
    public static Refusal? RoomProblem(in ClientFrame frame) => string.IsNullOrEmpty(frame.Room)
        ? new Refusal(ErrorCodes.RoomMissing, "'room' is missing; it must name a room.")
        : NameProblem(frame.Room, "room");

    public static Refusal? NameProblem(string name, string what) =>
        Names.Problem(name, what) is { } problem ? new Refusal(ErrorCodes.NameInvalid, problem) : null;

    /// <summary>The user ids after one: none, or an empty one, is the first page.</summary>
    public static Refusal? AfterProblem(in ClientFrame frame) =>
        string.IsNullOrEmpty(frame.After) ? null : NameProblem(frame.After, "'after'");

    public static Refusal? PositionProblem(in ClientFrame frame)
    {
        if (frame.Epoch is null != frame.Sequence is null)
            return Refusal.BadRequest("A position is 'epoch' and 'seq' together.");
        if (frame.Sequence < 0)
            return Refusal.BadRequest(string.Create(CultureInfo.InvariantCulture, $"'seq' is {frame.Sequence}; it must be 0 or more."));
        return EpochProblem(frame.Epoch);
    }

    public static Refusal? EpochProblem(string? epoch) => epoch?.Length is 0 or > Limits.IdBytes
        ? Refusal.BadRequest($"'epoch' must have 1 to {Limits.IdBytes} characters.")
        : null;

    public static Refusal? LimitProblem(long limit, int most) => limit < 1 || limit > most
        ? Refusal.BadRequest($"'limit' is {limit}; it must be from 1 to {most}.")
        : null;

    /// <summary>How many messages a join is to bring.</summary>
    public static Refusal? LastProblem(in ClientFrame frame) => frame.Last is < 1 or > Limits.HistoryPage
        ? Refusal.BadRequest($"'last' is {frame.Last}; it must be from 1 to {Limits.HistoryPage}.")
        : null;

    /// <summary>What a join wants to know of the others.</summary>
    public static Refusal? PresenceProblem(string? presence) => presence is null or "members" or "count"
        ? null
        : Refusal.BadRequest($"'presence' is '{Shorten(presence)}'; it must be 'members' or 'count'.");

    /// <summary>What a member shows of itself.</summary>
    public static Refusal? ShownProblem(in ClientFrame frame, int maxBytes) => frame.DataSize > maxBytes
        ? new Refusal(ErrorCodes.ContentTooLong, $"'data' has {frame.DataSize} bytes; of a member it may have {maxBytes} (Rooms:MaxPresenceBytes).")
        : null;

    public static Refusal? DataProblem(in ClientFrame frame) =>
        frame.DataSize == 0 ? Refusal.BadRequest("'data' is missing; it is what the member shows.") : null;

    public static Refusal? BeforeProblem(in ClientFrame frame) => frame.Before is < 1
        ? Refusal.BadRequest($"'before' is {frame.Before}; it must be 1 or more.")
        : null;

    public static Refusal? BodyProblem(in ClientFrame frame, int maxBytes)
    {
        if (!frame.HasBody && frame.Deleted != true)
            return Refusal.BadRequest("A message needs 'content' or 'data'.");
        return SizeProblem(frame, maxBytes);
    }

    /// <summary>Of a message to a room.</summary>
    public static Refusal? KeyProblem(in ClientFrame frame) =>
        KeyRules.Problem(frame.Key, frame.Ephemeral == true, frame.If, frame.Ttl, frame.Deleted == true, frame.HasBody) is { } problem ? Refusal.BadRequest(problem) : null;

    /// <summary>Of a message to a user.</summary>
    public static Refusal? DirectProblem(in ClientFrame frame) => frame.Ephemeral == true || (frame.Key, frame.If, frame.Ttl) is not (null, null, null) || frame.Deleted == true
        ? Refusal.BadRequest("Only a message to a 'room' may be 'ephemeral', or have a 'key'; one with 'to' may not.")
        : null;

    /// <summary>A call, and an answer to one: who asks has to know which it is.</summary>
    public static Refusal? IdProblem(in ClientFrame frame) =>
        frame.Id is null ? Refusal.BadRequest("'id' is missing; it tells which call it is.") : null;

    public static Refusal? MethodProblem(in ClientFrame frame) =>
        frame.Method is null ? Refusal.BadRequest("'method' is missing; it must name a method.") : NameProblem(frame.Method, "method");

    public static Refusal? CodeProblem(in ClientFrame frame) =>
        frame.Code is null ? Refusal.BadRequest("'code' is missing; it must say why there is no result.")
        : frame.Code.Length == 0 || Encoding.UTF8.GetByteCount(frame.Code) > Limits.NameBytes ? Refusal.BadRequest($"'code' must have 1 to {Limits.NameBytes} bytes.")
        : null;

    /// <summary>Of <c>content</c> and <c>data</c>, which may both be absent.</summary>
    public static Refusal? SizeProblem(in ClientFrame frame, int maxBytes)
    {
        if (frame.ContentSize > maxBytes)
            return TooLong("content", frame.ContentSize, maxBytes);
        return frame.DataSize > maxBytes ? TooLong("data", frame.DataSize, maxBytes) : null;
    }

    /// <summary>What a client sent and gets back in an error is cut, so that an error is never large; no name that is allowed is that long.</summary>
    public static string Shorten(string value, int longest = Limits.NameBytes) // characters, each a byte at least
    {
        if (value.Length <= longest)
            return value;
        var cut = char.IsHighSurrogate(value[longest - 1]) ? longest - 1 : longest;
        return string.Concat(value.AsSpan(0, cut), "...");
    }

    private static Refusal TooLong(string field, int size, int maxBytes) =>
        new(ErrorCodes.ContentTooLong, $"'{field}' has {size} bytes; it may have {maxBytes}.");
}
