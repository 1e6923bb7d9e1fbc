using System.Text;
using System.Text.Json;

namespace Realtime.Client.Protocol;

/// <summary>A JSON string as it stands in a frame, decoded when that is asked for.</summary>
/// <param name="quoted">With its quotes; empty for one that is absent.</param>
/// <param name="isEscaped">Whether it has escapes.</param>
internal readonly ref struct JsonText(ReadOnlySpan<byte> quoted, bool isEscaped)
{
    private readonly ReadOnlySpan<byte> _quoted = quoted;
    private readonly bool _isEscaped = isEscaped;

    public bool IsPresent => !_quoted.IsEmpty;

    /// <summary>The bytes between the quotes when they are the text as it is; empty for one with escapes.</summary>
    public ReadOnlySpan<byte> Plain => IsPresent && !_isEscaped ? _quoted[1..^1] : default;

    public bool Is(ReadOnlySpan<byte> text) => Plain.SequenceEqual(text);

    /// <exception cref="InvalidOperationException">It is no Unicode text.</exception>
    public string? Decode()
    {
        if (!IsPresent)
            return null;
        if (!_isEscaped)
            return Encoding.UTF8.GetString(_quoted[1..^1]);
        var reader = new Utf8JsonReader(_quoted);
        reader.Read();
        return reader.GetString();
    }
}
