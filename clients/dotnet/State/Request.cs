using System.Text.Json;
using Realtime.Client.Protocol;

namespace Realtime.Client.State;

/// <summary>A question that dies with its connection. Its methods are called under the session's lock, one of them and once.</summary>
internal abstract class Request(string id)
{
    public string Id { get; } = id;

    /// <summary>The bytes of its frame when they count for the bound; 0 for the client's own.</summary>
    public int Bytes { get; init; }

    /// <summary>Until when it waits, by the steady clock.</summary>
    public long Deadline { get; init; }

    public abstract void Answer(scoped in ServerFrame frame);

    public abstract void Fail(RealtimeException error);
}

/// <summary>Makes an answer of the frame that brings it.</summary>
internal delegate T AnswerReader<out T>(scoped in ServerFrame frame);

/// <summary>A question of the application.</summary>
internal sealed class Question<T>(string id, AnswerReader<T> read) : Request(id)
{
    private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Task => _answer.Task;

    public override void Answer(scoped in ServerFrame frame)
    {
        try
        {
            _answer.TrySetResult(read(frame));
        }
        catch (Exception exception) when (exception is InvalidOperationException or JsonException)
        {
            // A text that is none, in a frame that had the right form.
            _answer.Fail(new(RealtimeErrorCodes.Unreadable, $"The server's answer cannot be read: {exception.Message}"));
        }
    }

    public override void Fail(RealtimeException error) => _answer.Fail(error);
}

/// <summary>A question of the client's own.</summary>
internal sealed class Step(string id, Action<RealtimeException?> done) : Request(id)
{
    public override void Answer(scoped in ServerFrame frame) => done(null);

    public override void Fail(RealtimeException error) => done(error);
}

internal static class CompletionExtensions
{
    /// <summary>A failure that nobody waits for is none of the process.</summary>
    public static void Fail<T>(this TaskCompletionSource<T> source, RealtimeException error)
    {
        if (source.TrySetException(error))
            _ = source.Task.Exception;
    }

    /// <inheritdoc cref="Fail{T}"/>
    public static void Fail(this TaskCompletionSource source, RealtimeException error)
    {
        if (source.TrySetException(error))
            _ = source.Task.Exception;
    }
}
