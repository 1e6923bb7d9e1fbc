namespace Realtime.Grains;

/// <summary>
/// A call was refused or had no answer. Who asks a client (<see cref="IUserGrain.Call"/>) gets it; a method of the application that throws it
/// tells its caller the code and the message.
/// </summary>
[GenerateSerializer, Alias("realtime.call.exception")]
public sealed class CallException : Exception
{
    /// <summary>There is no such method at the other side.</summary>
    public const string UnknownMethod = "unknown_method";

    /// <summary>The method failed; its side's log says why.</summary>
    public const string CallFailed = "call_failed";

    /// <summary>There was no answer in time. Whether the method has run is not known.</summary>
    public const string CallTimeout = "call_timeout";

    /// <summary>As many calls wait for an answer already as may.</summary>
    public const string TooManyCalls = "too_many_calls";

    /// <summary>The user is not connected, or no longer.</summary>
    public const string UserNotFound = "user_not_found";

    /// <summary>The connection is closed.</summary>
    public const string ConnectionNotFound = "connection_not_found";

    /// <summary>Makes one.</summary>
    /// <param name="code">1 to <see cref="Limits.NameBytes"/> bytes, as the codes here: a constant, since callers compare it.</param>
    /// <param name="message">For people. A client gets at most <see cref="Limits.CallErrorChars"/> characters of it.</param>
    public CallException(string code, string message) : base(message) => Code = code;

    /// <summary>One of the constants here, or one of the method's own.</summary>
    [Id(0)]
    public string Code { get; set; }
}
