namespace Realtime.WebFront.Access;

/// <summary>What a client may be allowed to do in a room, or with a user. In settings, tokens and errors by name in lower case.</summary>
[Flags]
public enum RoomOperation : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>To become a member, and so to get what is published, and to read the room's history and its members.</summary>
    Join = 1,

    /// <summary>As a member, to send messages to the room.</summary>
    Publish = 2,

    /// <summary>To read the room's history without being a member.</summary>
    History = 4,

    /// <summary>To read who is in the room without being a member.</summary>
    Members = 8,

    /// <summary>As a member, to be seen by the others: to be told of, listed and counted.</summary>
    Presence = 16,

    /// <summary>To send messages to a user.</summary>
    Direct = 32,

    /// <summary>All of them.</summary>
    All = Join | Publish | History | Members | Presence | Direct,
}

/// <summary>The names of operations.</summary>
internal static class RoomOperations
{
    /// <summary>Stands for all of them.</summary>
    public const string Any = "*";

    /// <summary>What a rule or a capability for rooms may allow.</summary>
    public const RoomOperation OfRooms = RoomOperation.All & ~RoomOperation.Direct;

    private static readonly RoomOperation[] s_single = [.. Enum.GetValues<RoomOperation>().Where(operation => byte.PopCount((byte)operation) == 1)];

    public static string NameOf(RoomOperation operation) => operation switch
    {
        RoomOperation.Join => "join",
        RoomOperation.Publish => "publish",
        RoomOperation.History => "history",
        RoomOperation.Members => "members",
        RoomOperation.Presence => "presence",
        RoomOperation.Direct => "direct",
        _ => throw new ArgumentOutOfRangeException(nameof(operation)),
    };

    /// <summary>The names of those that <paramref name="among"/> has, in words.</summary>
    public static string Names(RoomOperation among) =>
        string.Join(", ", s_single.Where(operation => among.HasFlag(operation)).Select(NameOf).Append(Any));

    /// <summary>The operation, or all of <paramref name="among"/>; null when it is none of these. Names are in lower case.</summary>
    public static RoomOperation? Parse(string? name, RoomOperation among)
    {
        if (name == Any)
            return among;
        foreach (var operation in s_single)
        {
            if (NameOf(operation) == name)
                return among.HasFlag(operation) ? operation : null;
        }
        return null;
    }
}
