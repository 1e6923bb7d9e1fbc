namespace Realtime.Floor;

internal sealed class Room
{
    private readonly List<Client> _members = [];
    private byte[] _news = new byte[4096];
    private int _length;

    public void Add(Client client) => _members.Add(client);

    public void Remove(Client client) => _members.Remove(client);

    /// <summary>Adds a text frame; says whether it is the first of this tick.</summary>
    public bool Say(ReadOnlySpan<byte> content)
    {
        var isFirst = _length == 0;
        if (_length + content.Length + 10 > _news.Length)
            Array.Resize(ref _news, (_length + content.Length + 10) * 2);
        _news[_length++] = 0x81;
        if (content.Length < 126)
        {
            _news[_length++] = (byte)content.Length;
        }
        else if (content.Length <= ushort.MaxValue)
        {
            _news[_length++] = 126;
            _news[_length++] = (byte)(content.Length >> 8);
            _news[_length++] = (byte)content.Length;
        }
        else
        {
            _news[_length++] = 127;
            for (var shift = 56; shift >= 0; shift -= 8)
                _news[_length++] = (byte)((ulong)content.Length >> shift);
        }
        content.CopyTo(_news.AsSpan(_length));
        _length += content.Length;
        return isFirst;
    }

    /// <summary>Sends what is new to every member.</summary>
    public void Tell()
    {
        foreach (var member in _members)
            member.Send(_news.AsSpan(0, _length));
        _length = 0;
    }
}
