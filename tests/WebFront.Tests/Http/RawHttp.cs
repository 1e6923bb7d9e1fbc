using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Realtime.WebFront.Tests.Http;

/// <summary>An answer as it came over the socket.</summary>
internal sealed record RawAnswer(int Status, IReadOnlyDictionary<string, string> Headers, string Body)
{
    /// <summary>The <c>code</c> of a problem, which must be complete (RFC 9457).</summary>
    public string Code
    {
        get
        {
            Assert.Equal("application/problem+json", Headers.GetValueOrDefault("content-type"));
            var problem = JsonNode.Parse(Body)!.AsObject();
            Assert.Equal(["type", "title", "status", "detail", "code"], problem.Select(member => member.Key));
            Assert.Equal(Status, (int)problem["status"]!);
            Assert.DoesNotMatch(@"System\.|Microsoft\.|Realtime\.|Exception|\bat line \d+ position|`1", Body);
            return (string)problem["code"]!;
        }
    }
}

/// <summary>Sends requests that no client library would: a target, header fields and bodies just as given.</summary>
internal static class RawHttp
{
    public static Task<RawAnswer> Send(Uri address, string method, string target, string? body = null, params string[] headers) =>
        Send(address, method, target, body is null ? null : Encoding.UTF8.GetBytes(body),
            body is null || headers.Any(header => header.StartsWith("Content-Type:", StringComparison.OrdinalIgnoreCase))
                ? headers : [.. headers, "Content-Type: application/json"]);

    public static async Task<RawAnswer> Send(Uri address, string method, string target, byte[]? body, string[] headers)
    {
        var head = new StringBuilder($"{method} {target} HTTP/1.1\r\nHost: {address.Authority}\r\nConnection: close\r\n");
        foreach (var header in headers)
            head.Append(header).Append("\r\n");
        if (body is not null && !headers.Any(header => header.StartsWith("Transfer-Encoding:", StringComparison.OrdinalIgnoreCase)))
            head.Append($"Content-Length: {body.Length}\r\n");
        byte[] request = [.. Encoding.Latin1.GetBytes(head.Append("\r\n").ToString()), .. body ?? []];

        using var bound = new CancellationTokenSource(TestClient.Bound);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, address.Port), bound.Token);
        await using var stream = new NetworkStream(socket);
        using var answer = new MemoryStream();
        try
        {
            await stream.WriteAsync(request, bound.Token);
            await stream.CopyToAsync(answer, bound.Token);
        }
        catch (IOException) when (answer.Length > 0)
        {
            // A server that has refused a body need not read the rest of it.
        }
        return Parse(answer.ToArray());
    }

    private static RawAnswer Parse(byte[] bytes)
    {
        var end = bytes.AsSpan().IndexOf("\r\n\r\n"u8);
        Assert.True(end > 0, "no answer");
        var lines = Encoding.Latin1.GetString(bytes, 0, end).Split("\r\n");
        var headers = lines[1..].Select(line => line.Split(": ", 2)).GroupBy(field => field[0].ToLowerInvariant())
            .ToDictionary(field => field.Key, field => string.Join(", ", field.Select(value => value[1])));
        return new(int.Parse(lines[0].Split(' ')[1]), headers, Encoding.UTF8.GetString(bytes.AsSpan(end + 4)));
    }
}
