using System.Text;
using System.Text.Json;
using Realtime.Grains;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Calls;

/// <summary>Makes the answer to a call of what its method has written as if to a request.</summary>
internal static class CallResults
{
    /// <summary>The result; or, of a status from 400 on, the error.</summary>
    /// <exception cref="CallResultException">It is not JSON, or too long or deep.</exception>
    public static CallAnswer Read(HttpResponse response, CallBody body, int bound)
    {
        var bytes = body.GetBuffer().AsSpan(0, (int)body.Length);
        if (response.StatusCode >= StatusCodes.Status400BadRequest)
            return Refused(response.StatusCode, bytes);
        if (response.StatusCode >= StatusCodes.Status300MultipleChoices)
            throw new CallResultException($"it answered with the status {response.StatusCode}");
        if (bytes.IsEmpty)
            return new CallAnswer(null);
        var type = response.ContentType.AsSpan();
        var end = type.IndexOf(';');
        type = (end < 0 ? type : type[..end]).Trim();
        if (type.Equals("text/plain", StringComparison.OrdinalIgnoreCase))
            return new CallAnswer(Bounded(JsonText.Quoted(Encoding.UTF8.GetString(bytes)), bound)); // a method that returns a string
        if (!type.Equals("application/json", StringComparison.OrdinalIgnoreCase) && !type.EndsWith("+json", StringComparison.OrdinalIgnoreCase))
            throw new CallResultException($"it answered with '{type}', which is not JSON");
        if (JsonFault.Find(bytes, Limits.DataDepth) is { } fault)
            throw new CallResultException($"its result must be one JSON value, nested at most {Limits.DataDepth} deep; there is {fault}");
        return new CallAnswer(bytes.Trim(" \n\r\t"u8).ToArray());
    }

    /// <summary>An error of the application, in bounds.</summary>
    public static CallAnswer Refused(string? code, string? message)
    {
        if (string.IsNullOrEmpty(code) || Encoding.UTF8.GetByteCount(code) > Limits.NameBytes)
            code = CallException.CallFailed;
        message = string.IsNullOrEmpty(message) ? "The method refused the call." : message;
        return new CallAnswer(null, code, FrameRules.Shorten(message, Limits.CallErrorChars));
    }

    private static byte[] Bounded(byte[] json, int bound) =>
        json.Length <= bound ? json : throw new CallResultException($"its result is longer than {bound} bytes (Rooms:MaxContentBytes)");

    /// <summary>Of a problem, its <c>code</c> and detail; of other errors the status.</summary>
    private static CallAnswer Refused(int status, ReadOnlySpan<byte> body)
    {
        string? code = null, message = null;
        if (JsonFault.Find(body, Limits.DataDepth) is null)
        {
            using var json = JsonDocument.Parse(body.ToArray());
            if (json.RootElement.ValueKind == JsonValueKind.Object)
                (code, message) = (Text(json.RootElement, "code"), Text(json.RootElement, "detail") ?? Text(json.RootElement, "title"));
        }
        return Refused(code ?? CodeOf(status), message);

        static string? Text(JsonElement problem, string name) =>
            problem.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
    }

    private static string CodeOf(int status) => status switch
    {
        StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden => ErrorCodes.Forbidden,
        StatusCodes.Status404NotFound => ErrorCodes.NotFound,
        StatusCodes.Status429TooManyRequests => ErrorCodes.RateLimited,
        StatusCodes.Status503ServiceUnavailable => ErrorCodes.Unavailable,
        < StatusCodes.Status500InternalServerError => ErrorCodes.BadRequest,
        _ => ErrorCodes.CallFailed,
    };
}
