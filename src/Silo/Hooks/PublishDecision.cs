namespace Realtime.Silo.Hooks;

/// <summary>What a hook makes of a message that is about to be kept.</summary>
public sealed class PublishDecision
{
    private const int MaxCode = 64;

    private PublishDecision()
    {
    }

    /// <summary>It is kept as it is.</summary>
    public static PublishDecision Allow { get; } = new();

    /// <summary>What the publisher is told; null when it is not refused.</summary>
    internal RefusedReply? Refusal { get; private init; }

    /// <summary>What is kept instead; null when it is not replaced.</summary>
    internal RoomMessage? Replacement { get; private init; }

    /// <summary>It is not kept, and its publisher gets an error.</summary>
    /// <param name="reason">Words for the publisher, not empty; at most <see cref="Limits.CallErrorChars"/> characters are given.</param>
    /// <param name="code">1 to 64 of <c>a-z</c>, <c>0-9</c> and <c>_</c>: callers compare it.</param>
    /// <exception cref="ArgumentException">There is no reason, or the code is none.</exception>
    public static PublishDecision Refuse(string reason, string code = RoomException.Refused)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        ArgumentException.ThrowIfNullOrEmpty(code);
        if (code.Length > MaxCode || code.Any(character => !char.IsAsciiLetterLower(character) && !char.IsAsciiDigit(character) && character != '_'))
            throw new ArgumentException($"The code of a refusal must be 1 to {MaxCode} of a-z, 0-9 and _.", nameof(code));
        if (UnicodeText.IndexOfUnpaired(reason) >= 0)
            throw new ArgumentException("The reason of a refusal must be valid Unicode.", nameof(reason));
        var length = Math.Min(reason.Length, Limits.CallErrorChars);
        if (length < reason.Length && char.IsHighSurrogate(reason[length - 1]))
            length--;
        return new() { Refusal = new RefusedReply(code, reason[..length]) };
    }

    /// <summary>Another content and data are kept. Sender, publish id and who gets it stay. A text or binary frame of a service, and a message that deletes a key, cannot be replaced.</summary>
    /// <param name="message">Its <see cref="RoomMessage.Content"/> and <see cref="RoomMessage.Data"/> count.</param>
    public static PublishDecision Replace(RoomMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return new() { Replacement = message };
    }
}
