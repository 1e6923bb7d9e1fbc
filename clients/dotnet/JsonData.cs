using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Realtime.Client;

/// <summary>One JSON value as UTF-8, or none: the <c>data</c> of a message, call or result. It is decoded when it is asked for.</summary>
public readonly struct JsonData
{
    /// <summary>How many arrays and objects may stand in each other.</summary>
    internal const int MaxDepth = 32;

    internal JsonData(ReadOnlyMemory<byte> utf8) => Utf8 = utf8;

    /// <summary>The JSON text; empty when there is none.</summary>
    public ReadOnlyMemory<byte> Utf8 { get; }

    /// <summary>Whether there is none. The JSON value <c>null</c> is one.</summary>
    public bool IsNone => Utf8.IsEmpty;

    /// <summary>A value as JSON.</summary>
    /// <exception cref="ArgumentException">It is nested more than 32 deep.</exception>
    /// <exception cref="JsonException">It has a cycle, or is nested deeper than the options of the type allow.</exception>
    public static JsonData From<T>(T value, JsonTypeInfo<T> type)
    {
        ArgumentNullException.ThrowIfNull(type);
        return new(Checked(JsonSerializer.SerializeToUtf8Bytes(value, type)));
    }

    /// <summary>JSON text that there is already.</summary>
    /// <exception cref="ArgumentException">It is not one JSON value, or is nested more than 32 deep.</exception>
    public static JsonData Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        return new(Checked(Encoding.UTF8.GetBytes(json)));
    }

    /// <summary>The value; the default of <typeparamref name="T"/> when there is none.</summary>
    /// <exception cref="JsonException">It is no <typeparamref name="T"/>.</exception>
    public T? To<T>(JsonTypeInfo<T> type)
    {
        ArgumentNullException.ThrowIfNull(type);
        return IsNone ? default : JsonSerializer.Deserialize(Utf8.Span, type);
    }

    /// <summary>The JSON text.</summary>
    public override string ToString() => Encoding.UTF8.GetString(Utf8.Span);

    private static byte[] Checked(byte[] json)
    {
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
            while (reader.Read()) { }
            return json;
        }
        catch (JsonException exception)
        {
            throw new ArgumentException($"'data' must be one JSON value with at most {MaxDepth} arrays and objects in each other: {exception.Message}", exception);
        }
    }
}
