namespace Realtime.Grains;

/// <summary>A room does not do what it was asked to, for a reason that the caller can act upon.</summary>
[GenerateSerializer, Alias("realtime.room.exception")]
public sealed class RoomException : Exception
{
    /// <summary>The room's log cannot be written or read now: nothing was kept that the caller could rely on. Try again, with the same id.</summary>
    public const string Unavailable = "unavailable";

    /// <summary>The publish id was used for another message.</summary>
    public const string IdConflict = "id_conflict";

    /// <summary>The position is of another epoch, or from the future.</summary>
    public const string PositionInvalid = "position_invalid";

    /// <summary>As many connections are in the room as may be, or they show as much of themselves as they may.</summary>
    public const string RoomFull = "room_full";

    /// <summary>The key of the room's state has another version than the one that it was to have.</summary>
    public const string VersionConflict = "version_conflict";

    /// <summary>The room's state has as many keys or bytes as it may, or that of all rooms of the silo.</summary>
    public const string StateFull = "state_full";

    /// <summary>A hook of the application does not want the message; hooks may give codes of their own instead.</summary>
    public const string Refused = "refused";

    /// <summary>Makes one.</summary>
    public RoomException(string code, string message) : base(message) => Code = code;

    /// <summary>One of the constants here, or one of a hook; an error code of the wire protocol.</summary>
    [Id(0)]
    public string Code { get; set; }
}
