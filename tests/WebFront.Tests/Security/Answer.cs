using System.Net;
using System.Text.Json.Nodes;

namespace Realtime.WebFront.Tests.Security;

/// <summary>What a server answered.</summary>
internal sealed record Answer(HttpStatusCode Status, string Body, string? ContentType, string? Challenge, string? CacheControl)
{
    /// <summary><c>code</c> of a problem+json body.</summary>
    public string? Code => Problem["code"]?.GetValue<string>();

    /// <summary><c>detail</c> of a problem+json body.</summary>
    public string? Detail => Problem["detail"]?.GetValue<string>();

    private JsonNode Problem
    {
        get
        {
            Assert.Equal("application/problem+json", ContentType);
            return JsonNode.Parse(Body)!;
        }
    }

    public static async Task<Answer> ReadAsync(HttpResponseMessage response) => new(
        response.StatusCode, await response.Content.ReadAsStringAsync(), response.Content.Headers.ContentType?.MediaType,
        response.Headers.TryGetValues("WWW-Authenticate", out var values) ? string.Join(" | ", values) : null,
        response.Headers.CacheControl?.ToString());
}
