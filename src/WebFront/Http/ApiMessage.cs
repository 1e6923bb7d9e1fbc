using System.Text.Json;
using Realtime.Grains;

namespace Realtime.WebFront.Http;

/// <summary>Makes a message of a request.</summary>
internal static class ApiMessage
{
    private const string IdempotencyKey = "Idempotency-Key";

    public static RoomMessage Of(SendRequest request, HttpContext context)
    {
        string? key = context.Request.Headers[IdempotencyKey];
        if (key is not null && request.Id is not null && key != request.Id)
            throw new ArgumentException($"'id' and the header {IdempotencyKey} name different publishes; give one of them.");
        return new RoomMessage
        {
            Content = request.Content,
            Data = request.Data is { ValueKind: not JsonValueKind.Undefined and not JsonValueKind.Null } data ? data.GetRawText() : null,
            From = request.From,
            Id = request.Id ?? key,
        };
    }
}

/// <summary>Pages of listings.</summary>
internal static class ApiPaging
{
    public const int Default = 100;

    public static void Check(int limit)
    {
        if (limit is < 1 or > Limits.PageSize)
            throw new ArgumentException($"'limit' is {limit}; it must be from 1 to {Limits.PageSize}.");
    }
}
