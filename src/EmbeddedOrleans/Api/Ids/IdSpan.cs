using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Orleans.Runtime;

/// <summary>The text of an identifier with its hash, so that look-ups need not read the text again.</summary>
[Immutable, GenerateSerializer]
public readonly struct IdSpan : IEquatable<IdSpan>, IComparable<IdSpan>
{
    private readonly string? _text;
    private readonly int _hash;

    private IdSpan(string text)
    {
        _text = text;
        _hash = text.GetHashCode();
    }

    /// <summary>An identifier from its UTF-8 bytes.</summary>
    public IdSpan(byte[] value) : this(Encoding.UTF8.GetString(value))
    {
    }

    public bool IsDefault => string.IsNullOrEmpty(_text);

    /// <summary>The UTF-8 bytes of the identifier, made at each call.</summary>
    public ReadOnlyMemory<byte> Value => Encoding.UTF8.GetBytes(Text);

    internal string Text => _text ?? "";

    public static IdSpan Create(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        return new IdSpan(id);
    }

    public ReadOnlySpan<byte> AsSpan() => Value.Span;

    public bool Equals(IdSpan other) =>
        _hash == other._hash && (ReferenceEquals(_text, other._text) || string.Equals(Text, other.Text));

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is IdSpan other && Equals(other);

    public override int GetHashCode() => _hash;

    /// <summary>The same in every process, unlike <see cref="GetHashCode"/>.</summary>
    public uint GetUniformHashCode() => UniformHash.Of(Text);

    public int CompareTo(IdSpan other) => string.CompareOrdinal(Text, other.Text);

    public override string ToString() => Text;

    public static bool operator ==(IdSpan left, IdSpan right) => left.Equals(right);

    public static bool operator !=(IdSpan left, IdSpan right) => !left.Equals(right);
}
