using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Realtime.WebFront.Http;

/// <summary>Reads the JSON object of a request's body; error messages are for callers, and name none of our types.</summary>
internal static class JsonBody
{
    // That of the reader of frames, so that what may be sent over one way may be sent over the other.
    private const int MaxDepth = 64;

    /// <exception cref="ApiException">It is not one JSON object with fields of this type.</exception>
    public static T Read<T>(ReadOnlyMemory<byte> bytes, JsonTypeInfo<T> type, string what = "The body")
        where T : class
    {
        Check(bytes.Span, type, what);
        try
        {
            return JsonSerializer.Deserialize(bytes.Span, type) ?? throw NotAnObject(what);
        }
        // What the check has not seen: a string with half a surrogate pair.
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new ApiException(Problems.BadRequest, "A string in the body is not valid Unicode.");
        }
    }

    /// <summary>The values of the array that a body is, each as it was sent.</summary>
    /// <exception cref="ApiException">It is no array, or one of no values or too many.</exception>
    public static IReadOnlyList<ReadOnlyMemory<byte>> Split(ReadOnlyMemory<byte> bytes, int most)
    {
        var reader = new Utf8JsonReader(bytes.Span, new JsonReaderOptions { MaxDepth = MaxDepth + 1 });
        var values = new List<ReadOnlyMemory<byte>>();
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray)
                throw new ApiException(Problems.BadRequest, $"The body must be one JSON array of 1 to {most} messages.");
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                if (values.Count == most)
                    throw new ApiException(Problems.BadRequest, $"The array has more than {most} messages; send the rest in another request.");
                values.Add(bytes[start..(int)reader.BytesConsumed]);
            }
            reader.Read(); // throws when anything but white space follows
        }
        catch (JsonException exception)
        {
            throw Invalid(exception, "array");
        }
        return values.Count > 0 ? values : throw new ApiException(Problems.BadRequest, $"The array is empty; it must have 1 to {most} messages.");
    }

    private static void Check(ReadOnlySpan<byte> bytes, JsonTypeInfo type, string what)
    {
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                throw NotAnObject(what);
            var seen = new HashSet<JsonPropertyInfo>();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var field = FieldOf(ref reader, type);
                if (!seen.Add(field))
                    throw new ApiException(Problems.BadRequest, $"'{field.Name}' is there twice; a field must be there once."); // as in frames
                reader.Read();
                if (field.PropertyType == typeof(string) && reader.TokenType != JsonTokenType.String)
                    throw new ApiException(Problems.BadRequest, $"'{field.Name}' must be a string, not {Describe(reader.TokenType)}.");
                if (field.PropertyType == typeof(long?) && (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out _)))
                    throw new ApiException(Problems.BadRequest, $"'{field.Name}' must be a whole number of at most 64 bits, in digits only.");
                if (field.PropertyType == typeof(bool?) && reader.TokenType is not (JsonTokenType.True or JsonTokenType.False))
                    throw new ApiException(Problems.BadRequest, $"'{field.Name}' must be true or false, not {Describe(reader.TokenType)}.");
                CheckStrings(ref reader, field.Name);
            }
            reader.Read(); // throws when anything but white space follows
        }
        catch (JsonException exception)
        {
            throw Invalid(exception, "object");
        }
    }

    private static JsonPropertyInfo FieldOf(ref Utf8JsonReader reader, JsonTypeInfo type)
    {
        var name = Text(ref reader) ?? throw new ApiException(Problems.BadRequest, "The name of a field in the body is not valid Unicode.");
        foreach (var field in type.Properties)
        {
            if (field.Name == name)
                return field;
        }
        throw new ApiException(Problems.BadRequest,
            $"'{(name.Length > 40 ? name[..40] + ".." : name)}' is no field of this request; there are {string.Join(", ", type.Properties.Select(field => field.Name))}.");
    }

    // JSON's grammar lets \ud800 stand alone (RFC 8259 section 8.2), but no receiver could decode it.
    private static void CheckStrings(ref Utf8JsonReader reader, string field)
    {
        var depth = reader.CurrentDepth;
        while (true)
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && Text(ref reader) is null)
                throw new ApiException(Problems.BadRequest, $"'{field}' has a string that is not valid Unicode: half of a surrogate pair, or bytes that are not UTF-8.");
            if (reader.CurrentDepth == depth && reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
                return;
            if (!reader.Read())
                return;
        }
    }

    private static string? Text(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static ApiException NotAnObject(string what) => new(Problems.BadRequest, $"{what} must be one JSON object.");

    private static ApiException Invalid(JsonException exception, string kind) => new(Problems.BadRequest,
        $"The body must be one JSON {kind} in UTF-8, nested {MaxDepth} deep at most; this is not valid at line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}.");

    private static string Describe(JsonTokenType token) => token switch
    {
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "a boolean",
        JsonTokenType.Null => "null (leave the field out instead)",
        JsonTokenType.StartArray => "an array",
        _ => "an object",
    };
}
