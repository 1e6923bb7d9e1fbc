using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Net.Http.Headers;
using Realtime.Grains;
using Realtime.WebFront.Limiting;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Http;

/// <summary>A request of the HTTP API: what its handler reads, by the rules that all share.</summary>
/// <param name="context">The request.</param>
/// <param name="names">The names in the path, as sent.</param>
/// <param name="maxBody">Bytes that a body may have.</param>
internal sealed class ApiRequest(HttpContext context, IReadOnlyList<string> names, int maxBody)
{
    private const string IdempotencyKey = "Idempotency-Key";

    // Of a batch, unless a message by itself may be longer.
    private const int BatchBytes = 1024 * 1024;

    public HttpContext Context => context;

    /// <summary>What the answer goes on with when its endpoint has returned; ends with the answer.</summary>
    public Task Rest { get; set; } = Task.CompletedTask;

    public GrainCalls Calls { get; } = context.RequestServices.GetRequiredService<GrainCalls>();

    /// <exception cref="ApiException">The name in the path is not allowed.</exception>
    public string Room => Checked(names[0], "room");

    /// <summary>The user, which is the last name.</summary>
    /// <exception cref="ApiException">The name in the path is not allowed.</exception>
    public string User => Checked(names[^1], "user");

    /// <summary>The id of a connection in the path: whatever it is, there may be none of it.</summary>
    public string Connection => names[0];

    /// <summary>The id of a front in the path: whatever it is, there may be none of it.</summary>
    public string Front => names[0];

    /// <summary>The session in the path: whatever it is, there may be none of it.</summary>
    public string Session => names[0];

    /// <summary>The query parameter <c>after</c>: a name, or an id.</summary>
    public string? After => Text("after");

    /// <summary>A query parameter that is the name of a room or a user.</summary>
    /// <exception cref="ApiException">It is not allowed.</exception>
    public string? Name(string what) => Text(what) is { } name ? Checked(name, what) : null;

    public string? Text(string parameter) => RequestTarget.Query(context, parameter);

    /// <exception cref="ApiException">It is no whole number within the bounds.</exception>
    public long? Number(string parameter, long from, long to)
    {
        if (Text(parameter) is not { } text)
            return null;
        // .NET passes over NUL characters behind a number.
        if (!text.Contains('\0') && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= from && value <= to)
            return value;
        throw new ApiException(Problems.BadRequest, to == long.MaxValue
            ? $"'{parameter}' is '{Shown(text)}'; it must be a whole number, {from} or more."
            : $"'{parameter}' is '{Shown(text)}'; it must be a whole number from {from} to {to}.");
    }

    /// <summary>How many entries a page may have.</summary>
    public int Limit(int most) => (int)(Number("limit", 1, most) ?? Limits.HistoryPage);

    /// <summary>The message in the body.</summary>
    /// <param name="keepsIds">Whether its receiver recognises a repeat by its id.</param>
    /// <param name="receiver">Who does not, for the error.</param>
    public async Task<RoomMessage> Message(bool keepsIds, string receiver)
    {
        var request = await Body(ApiJson.Default.SendRequest);
        var key = Key();
        if (!keepsIds && (request.Id ?? key) is not null)
            throw new ApiException(Problems.BadRequest,
                $"A message to {receiver} is not deduplicated, so its repeats would be delivered: leave out 'id' and the header {IdempotencyKey}.");
        if (key is not null && request.Id is not null && key != request.Id)
            throw new ApiException(Problems.BadRequest, $"'id' and the header {IdempotencyKey} name different publishes; give one of them.");
        return MessageOf(request, request.Id ?? key);
    }

    /// <summary>The messages of the array in the body, each with its room, or the exception that says why it is none.</summary>
    /// <param name="most">How many there may be.</param>
    public async Task<IReadOnlyList<Posted>> Messages(int most)
    {
        if (Key() is not null)
            throw new ApiException(Problems.BadRequest, $"Each message of a batch has its own 'id': leave out the header {IdempotencyKey}.");
        var items = JsonBody.Split(await Json(Math.Max(BatchBytes, maxBody)), most);
        await context.RequestServices.GetRequiredService<RequestLimits>().CountMore(context, items.Count);
        return [.. items.Select(Posted)];
    }

    /// <summary>The frames of the array in the body, each as it was sent.</summary>
    /// <param name="most">How many there may be.</param>
    public async Task<byte[][]> Frames(int most)
    {
        RefuseKey("A post");
        return [.. JsonBody.Split(await Json(Math.Max(BatchBytes, maxBody)), most).Select(frame => frame.ToArray())];
    }

    private static Posted Posted(ReadOnlyMemory<byte> json)
    {
        try
        {
            var request = JsonBody.Read(json, ApiJson.Default.BatchRequest, "A message");
            var room = Checked(request.Room ?? throw new ApiException(Problems.BadRequest, "A message of a batch needs a room."), "room");
            return new Posted(room, MessageOf(request, request.Id), null);
        }
        catch (ApiException refused)
        {
            return new Posted(null, null, refused);
        }
    }

    private static RoomMessage MessageOf(SendRequest request, string? id)
    {
        if (request.From is not null)
            Checked(request.From, "sender");
        var hasBody = request.Content is not null || request.Data.ValueKind != JsonValueKind.Undefined;
        if (!hasBody && request.Deleted != true)
            throw new ApiException(Problems.BadRequest, "A message needs content or data.");
        if (KeyRules.Problem(request.Key, request.Ephemeral == true, request.If, request.Ttl, request.Deleted == true, hasBody) is { } problem)
            throw new ApiException(Problems.BadRequest, problem);
        return new RoomMessage
        {
            Content = request.Content,
            Data = request.Data.ValueKind == JsonValueKind.Undefined ? null : request.Data.GetRawText(), // null is JSON too
            From = request.From,
            Id = id,
            IsEphemeral = request.Ephemeral == true,
            Key = request.Key,
            IfVersion = request.If,
            Ttl = request.Ttl is { } ttl ? TimeSpan.FromMilliseconds(ttl) : null,
            IsDeleted = request.Deleted == true,
            Exclude = request.Exclude,
        };
    }

    /// <summary>The body, one JSON object; an empty one when there is none and that is allowed.</summary>
    public async Task<T> Body<T>(JsonTypeInfo<T> type, bool mayBeAbsent = false)
        where T : class, new()
    {
        var bytes = await Json(maxBody, mayBeAbsent);
        return bytes.Length == 0 && mayBeAbsent ? new T() : JsonBody.Read(bytes, type);
    }

    /// <summary>The bytes of a body whose headers say that it is JSON.</summary>
    private async Task<ReadOnlyMemory<byte>> Json(int most, bool mayBeAbsent = false)
    {
        var headers = context.Request.Headers;
        if (headers.ContentEncoding is { Count: > 0 } encoding && !encoding.ToString().Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            context.Response.Headers.AcceptEncoding = "identity"; // RFC 9110 section 12.5.3
            throw new ApiException(Problems.UnsupportedMediaType, "The body of the request has a Content-Encoding; send it without one.");
        }
        var bytes = await Bytes(most);
        if (bytes.Length == 0 && mayBeAbsent)
            return bytes;
        if (headers.ContentType.Count != 1 || !IsJson(headers.ContentType[0]))
        {
            context.Response.Headers.Accept = "application/json";
            throw new ApiException(Problems.UnsupportedMediaType, "Content-Type must be application/json, and its charset, if it has one, utf-8.");
        }
        return bytes;
    }

    /// <summary>What to say of an exception in an answer that goes on without it.</summary>
    public (Problem Problem, string Detail) Explain(Exception exception) => Problems.Explain(context, exception);

    /// <summary>Refuses a key where it would be without effect.</summary>
    public void RefuseKey(string what)
    {
        if (Key() is not null)
            throw new ApiException(Problems.BadRequest, $"{what} knows no repeats: leave out the header {IdempotencyKey}.");
    }

    /// <summary>Answers 200.</summary>
    public async Task Ok<T>(T value, JsonTypeInfo<T> type)
    {
        // Complete before the first byte is sent, so that a failure can still be answered.
        var body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        context.Response.ContentType = "application/json; charset=utf-8";
        context.Response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    private string? Key()
    {
        var key = context.Request.Headers[IdempotencyKey];
        if (key.Count == 0)
            return null;
        if (key is [{ Length: > 0 } only] && Encoding.UTF8.GetByteCount(only) <= Limits.IdBytes)
            return only;
        throw new ApiException(Problems.BadRequest, $"The header {IdempotencyKey} must be there once, with 1 to {Limits.IdBytes} bytes.");
    }

    private async Task<ReadOnlyMemory<byte>> Bytes(int most)
    {
        if (context.Request.ContentLength > most)
            throw TooLong(most);
        var body = new ArrayBufferWriter<byte>((int)(context.Request.ContentLength ?? 256) + 1);
        int read;
        while ((read = await Read(body.GetMemory(256))) > 0)
        {
            body.Advance(read);
            if (body.WrittenCount > most)
                throw TooLong(most);
        }
        return body.WrittenMemory;
    }

    /// <summary>Reads from the body. The end of its connection may show here before <see cref="HttpContext.RequestAborted"/>.</summary>
    private async ValueTask<int> Read(Memory<byte> buffer)
    {
        try
        {
            return await context.Request.Body.ReadAsync(buffer, context.RequestAborted);
        }
        catch (Exception exception) when (exception is OperationCanceledException or (IOException and not BadHttpRequestException))
        {
            throw new BadHttpRequestException("The connection ended before the body of the request did.", exception);
        }
    }

    private static ApiException TooLong(int most) => new(Problems.TooLong, $"The body of the request is longer than {most} bytes.");

    private static bool IsJson(string? type) =>
        MediaTypeHeaderValue.TryParse(type, out var parsed)
        && parsed.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && parsed.Parameters.Where(parameter => parameter.Name.Equals("charset", StringComparison.OrdinalIgnoreCase)).ToArray() is var charsets
        && (charsets is [] || (charsets is [var only] && HeaderUtilities.RemoveQuotes(only.Value).Equals("utf-8", StringComparison.OrdinalIgnoreCase)));

    private static string Checked(string name, string what) =>
        Names.Problem(name, what) is { } problem ? throw new ApiException(Problems.NameInvalid, problem) : name;

    private static string Shown(string text) => text.Length > 40 ? text[..40] + ".." : text;
}
