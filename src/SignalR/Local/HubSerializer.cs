using System.Runtime.InteropServices;

namespace Realtime.SignalR.Local;

/// <summary>Writes a message once for each protocol that the hub speaks: every server can give it to its connections as it is.</summary>
internal sealed class HubSerializer
{
    private readonly IReadOnlyList<IHubProtocol> _all;
    private readonly IHubProtocol[] _supported;

    public HubSerializer(IHubProtocolResolver protocols, IList<string>? supported)
    {
        _all = protocols.AllProtocols;
        string[] names = [.. supported ?? []];
        _supported = supported is null ? [.. _all] : [.. names.Select(name => protocols.GetProtocol(name, names)).OfType<IHubProtocol>()];
    }

    public HubPayload[] Serialize(HubMessage message)
    {
        var payloads = new HubPayload[_supported.Length];
        for (var i = 0; i < payloads.Length; i++)
            payloads[i] = Write(_supported[i], message);
        return payloads;
    }

    public static HubPayload Write(IHubProtocol protocol, HubMessage message)
    {
        var bytes = protocol.GetMessageBytes(message);
        return new(protocol.Name, MemoryMarshal.TryGetArray(bytes, out var array) && array.Offset == 0 && array.Count == array.Array!.Length ? array.Array : bytes.ToArray());
    }

    public static SerializedHubMessage Wrap(HubPayload[] payloads)
    {
        var messages = new SerializedMessage[payloads.Length];
        for (var i = 0; i < messages.Length; i++)
            messages[i] = new SerializedMessage(payloads[i].Protocol, payloads[i].Bytes);
        return new SerializedHubMessage(messages);
    }

    /// <summary>By its name; null where this server does not speak it.</summary>
    public IHubProtocol? Find(string name) => _all.FirstOrDefault(protocol => protocol.Name == name);
}
