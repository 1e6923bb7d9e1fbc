using Realtime.Grains;

namespace Realtime.WebFront.Protocol;

/// <summary>The codes of <c>error</c> frames and of the HTTP API's problems.</summary>
public static class ErrorCodes
{
    /// <summary>Not JSON, not an object, a field missing or of the wrong kind.</summary>
    public const string BadRequest = RequestException.BadRequest;

    /// <summary>The <c>type</c> is none that a client may send.</summary>
    public const string UnknownType = "unknown_type";

    /// <summary>The room's name is missing.</summary>
    public const string RoomMissing = "room_missing";

    /// <summary>A room name or user id that <see cref="Names"/> does not allow.</summary>
    public const string NameInvalid = RequestException.NameInvalid;

    /// <summary><c>content</c> or <c>data</c> is over <c>Rooms:MaxContentBytes</c>, or what a member shows over <c>Rooms:MaxPresenceBytes</c>.</summary>
    public const string ContentTooLong = RequestException.ContentTooLong;

    /// <summary>A join to a room that the connection is in.</summary>
    public const string AlreadyJoined = "already_joined";

    /// <summary>A leave from, a message to, or an update in a room that the connection is not in.</summary>
    public const string NotJoined = "not_joined";

    /// <summary>A join over <see cref="FrontOptions.MaxRoomsPerConnection"/>.</summary>
    public const string TooManyRooms = "too_many_rooms";

    /// <summary>A join to a room that has as many connections as it may, or whose members show as much of themselves as they may.</summary>
    public const string RoomFull = RoomException.RoomFull;

    /// <summary>The publish id was used for another message.</summary>
    public const string IdConflict = RoomException.IdConflict;

    /// <summary>The key of the room's state has another version than <c>if</c> says.</summary>
    public const string VersionConflict = RoomException.VersionConflict;

    /// <summary>The room's state has as many keys or bytes as it may.</summary>
    public const string StateFull = RoomException.StateFull;

    /// <summary>A hook of the application does not want the message; it may give a code of its own instead.</summary>
    public const string Refused = RoomException.Refused;

    /// <summary>The position is of another epoch, or from the future.</summary>
    public const string PositionInvalid = RoomException.PositionInvalid;

    /// <summary>Nobody is in the room (HTTP API).</summary>
    public const string RoomNotFound = "room_not_found";

    /// <summary>The user is not connected (HTTP API).</summary>
    public const string UserNotFound = "user_not_found";

    /// <summary>No front has a connection of this id (HTTP API).</summary>
    public const string ConnectionNotFound = "connection_not_found";

    /// <summary>There is no front of this id (HTTP API).</summary>
    public const string FrontNotFound = "front_not_found";

    /// <summary>The room or user could not be reached, or the room's log; try again.</summary>
    public const string Unavailable = RoomException.Unavailable;

    /// <summary>Over one of <see cref="LimitOptions"/>; not carried out, try again later.</summary>
    public const string RateLimited = "rate_limited";

    /// <summary>The new token of a <c>refresh</c> is wrong, or another user's; the old one goes on.</summary>
    public const string TokenInvalid = "token_invalid";

    /// <summary>The call names a method that is not there.</summary>
    public const string UnknownMethod = CallException.UnknownMethod;

    /// <summary>The method of a call failed; the log of its side says why.</summary>
    public const string CallFailed = CallException.CallFailed;

    /// <summary>The method of a call did not answer in time.</summary>
    public const string CallTimeout = CallException.CallTimeout;

    /// <summary>As many calls run, or wait for an answer, as may.</summary>
    public const string TooManyCalls = CallException.TooManyCalls;

    /// <summary>HTTP: there are as many revocations as may be (<c>Revocations:MaxEntries</c>).</summary>
    public const string RevocationsFull = RequestException.RevocationsFull;

    /// <summary>HTTP: no token, or a wrong one.</summary>
    public const string Unauthorized = "unauthorized";

    /// <summary>The operation is not allowed to this connection. HTTP: a token without the scope, a page of another origin, a user who is blocked.</summary>
    public const string Forbidden = "forbidden";

    /// <summary>HTTP: there is no such address.</summary>
    public const string NotFound = "not_found";

    /// <summary>HTTP: the address exists, with other methods; <c>Allow</c> names them.</summary>
    public const string MethodNotAllowed = "method_not_allowed";

    /// <summary>HTTP: the request accepts no JSON.</summary>
    public const string NotAcceptable = "not_acceptable";

    /// <summary>HTTP: the body came too slowly.</summary>
    public const string RequestTimeout = "request_timeout";

    /// <summary>HTTP: the body is not JSON in UTF-8, by its header fields.</summary>
    public const string UnsupportedMediaType = "unsupported_media_type";

    /// <summary>HTTP: a request for a WebSocket that asks for no upgrade.</summary>
    public const string UpgradeRequired = "upgrade_required";

    /// <summary>HTTP: the server failed; its log says why.</summary>
    public const string Internal = "internal";
}
