using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Realtime.SignalR.Results;

/// <summary>Reads the result that another server forwards.</summary>
internal static class ResultReader
{
    /// <summary>Never fails: what cannot be read as what was asked for is an error for who asked.</summary>
    public static CompletionMessage Read(IHubProtocol? protocol, HubPayload payload, string invocationId, ClientResults results)
    {
        if (protocol is null)
            return CompletionMessage.WithError(invocationId, $"This server does not speak the hub protocol '{payload.Protocol}'.");
        if (TryRead(protocol, payload, results, out var read))
            return read;
        // Is it the protocol's fault or the client's? The other server could read it without its type.
        return TryRead(protocol, payload, RawBinder.Instance, out read) && !read.HasResult
            ? read
            : CompletionMessage.WithError(invocationId, $"Client result wasn't deserializable to {results.Find(invocationId)?.Type.Name}.");
    }

    private static bool TryRead(IHubProtocol protocol, HubPayload payload, IInvocationBinder binder, [NotNullWhen(true)] out CompletionMessage? read)
    {
        try
        {
            var bytes = new ReadOnlySequence<byte>(payload.Bytes);
            read = protocol.TryParseMessage(ref bytes, binder, out var message) ? message as CompletionMessage : null;
        }
        catch (Exception)
        {
            read = null; // whatever a protocol throws at what it cannot read
        }
        return read is not null;
    }

    private sealed class RawBinder : IInvocationBinder
    {
        public static readonly RawBinder Instance = new();

        public Type GetReturnType(string invocationId) => typeof(RawResult);

        public IReadOnlyList<Type> GetParameterTypes(string methodName) => throw new NotSupportedException();

        public Type GetStreamItemType(string streamId) => throw new NotSupportedException();
    }
}
