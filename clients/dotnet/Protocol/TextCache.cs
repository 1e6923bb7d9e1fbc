using System.Text;

namespace Realtime.Client.Protocol;

/// <summary>Texts that come again and again, as the names of rooms and users and the epochs, without a new string for each. Used by one thread at a time.</summary>
internal sealed class TextCache
{
    /// <summary>Two texts that share a place push each other out, which costs a string and nothing else. Names have 128 bytes, so all of it less than 200 KB.</summary>
    private const int Places = 512;

    private const int MaxBytes = 128;

    private readonly (byte[] Utf8, string Text)[] _places = new (byte[], string)[Places];

    public string Get(JsonText text)
    {
        var plain = text.Plain;
        if (plain.Length is 0 or > MaxBytes)
            return text.Decode() ?? "";
        // The last bytes differ most: names that are numbered share their beginning.
        var hash = (uint)plain.Length;
        for (var i = Math.Max(0, plain.Length - 8); i < plain.Length; i++)
            hash = hash * 31 + plain[i];
        ref var place = ref _places[(hash ^ hash >> 9) % Places];
        if (place.Utf8 is null || !plain.SequenceEqual(place.Utf8))
            place = (plain.ToArray(), Encoding.UTF8.GetString(plain));
        return place.Text;
    }
}
