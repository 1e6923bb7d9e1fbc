namespace Realtime.Grains;

/// <summary>What was asked is not allowed, whatever the room or user is like: asked again it is refused again.</summary>
[GenerateSerializer, Alias("realtime.request.exception")]
public sealed class RequestException : ArgumentException
{
    /// <summary>A room name or user id that <see cref="Names"/> does not allow.</summary>
    public const string NameInvalid = "name_invalid";

    /// <summary>The content or data of a message, or a frame that a service sends, is over the bound of rooms.</summary>
    public const string ContentTooLong = "content_too_long";

    /// <summary>Anything else: a field missing, of the wrong kind or not in a form that receivers could read.</summary>
    public const string BadRequest = "bad_request";

    /// <summary>There are as many revocations as may be: one more can be had when some are over.</summary>
    public const string RevocationsFull = "revocations_full";

    /// <summary>Makes one.</summary>
    public RequestException(string code, string message) : base(message) => Code = code;

    /// <summary>One of the constants here; an error code of the wire protocol.</summary>
    [Id(0)]
    public string Code { get; set; }
}
