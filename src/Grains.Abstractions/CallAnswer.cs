namespace Realtime.Grains;

/// <summary>What became of a call to clients.</summary>
/// <param name="Data">The result as JSON text in UTF-8; null for none, and when there is a code.</param>
/// <param name="Code">Why there is no result; null when there is one.</param>
/// <param name="Message">The same in words.</param>
[GenerateSerializer, Immutable, Alias("realtime.call.answer")]
public sealed record CallAnswer([property: Id(0)] byte[]? Data, [property: Id(1)] string? Code = null, [property: Id(2)] string? Message = null)
{
    /// <summary>
    /// The first result of several that were asked. When all have answered without one, the error that says most: what a method said comes
    /// before no answer in time, this before no such method, and this before a connection that is gone.
    /// </summary>
    internal static async Task<CallAnswer> First(IEnumerable<Task<CallAnswer>> asked, CallAnswer otherwise)
    {
        await foreach (var answer in Task.WhenEach(asked))
        {
            var next = await answer;
            if (next.Code is null)
                return next;
            if (Weight(next) > Weight(otherwise))
                otherwise = next;
        }
        return otherwise;
    }

    private static int Weight(CallAnswer error) => error.Code switch
    {
        CallException.UserNotFound or CallException.ConnectionNotFound => 0,
        CallException.UnknownMethod => 1,
        CallException.CallTimeout => 2,
        _ => 3,
    };
}
