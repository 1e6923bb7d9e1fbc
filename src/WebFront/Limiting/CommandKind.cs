namespace Realtime.WebFront.Limiting;

/// <summary>What the limits of a connection's commands tell apart.</summary>
internal enum CommandKind : byte
{
    /// <summary>A frame, whatever it asks for.</summary>
    Any,

    /// <summary>A message to a room.</summary>
    Publish,

    /// <summary>A join or leave.</summary>
    Join,

    /// <summary>A question for members or history.</summary>
    Read,

    /// <summary>A message to a user.</summary>
    Direct,

    /// <summary>A new token.</summary>
    Refresh,

    /// <summary>A call of a method.</summary>
    Call,

    /// <summary>What has no limit of its own.</summary>
    Other,
}
