using System.Text;
using CsCheck;

namespace Realtime.Fuzz.Tests;

/// <summary>Requests to the HTTP API and to everything else that is mapped.</summary>
internal static class HttpCases
{
    private static readonly Gen<string> s_segment = Gen.Frequency(
        (6, Gen.Select(FuzzText.Name, Gen.Int[0, 3], Escape)),
        (2, Gen.OneOf("%2E%2E", "%2e", "..", ".", "%2F", "a%2Fb", "%00", "%ff", "%c0%af", "%ed%a0%80", "%", "%4", "%zz", "%25", "%252F", "%E2%80%AE", "%20", "%E3%80%80", "a;b=c", "a+b", "*", "\u00e4", "\u00ff", "~", "%5C", "\\", "%0d%0a", "%ef%bf%bf", "%f0%9f%98%80", "%F4%90%80%80")));

    private static readonly Gen<string> s_query = Gen.Frequency(
        (4, Gen.Const("")),
        (4, Gen.Select(Gen.OneOf("limit", "before", "after", "epoch", "front", "x", "Limit", ""), Gen.OneOf(Gen.OneOf("", "0", "1", "-1", "100", "101", "1000", "1001", "99999999999", "9223372036854775808", "1e3", "abc", "%00", "%ff", "1&limit=2", "null", "%F0%9F%98%80", "..", " 1"), Gen.Select(FuzzText.Name, Gen.Int[0, 3], Escape)),
            (name, value) => $"?{name}={value}")),
        (1, Gen.OneOf("?", "??", "?&&", "?=", "?%", "#x", "?limit", "?user=a&access_token=b")));

    private static readonly Gen<string> s_path = Gen.Select(s_segment, Gen.OneOf(
        "/api/rooms/$/messages", "/api/rooms/$/messages", "/api/rooms/$", "/api/rooms/$/members", "/api/users/$/messages", "/api/users/$/messages", "/api/users/$", "/api/users/$/disconnect",
        "/api/rooms", "/api/connections", "/api/cluster", "/api/$", "/api/rooms/$/$", "/api/rooms/$/messages/", "/API/rooms/$", "/api//rooms/$", "/api/users//messages", "/api", "/$",
        "/", "/index.html", "/ws", "/ws/echo", "/health/live", "/health/ready", "/metrics", "/openapi/v1.json", "/../$", "/%61pi/rooms/$"), (segment, path) => path.Replace("$", segment, StringComparison.Ordinal));

    private static readonly Gen<string> s_target = Gen.Select(s_path, s_query, (path, query) => path + query);

    private static readonly Gen<string> s_type = Gen.Frequency(
        (8, Gen.Const("application/json")),
        (4, Gen.OneOf("application/json; charset=utf-8", "application/json; charset=\"UTF-8\"", "application/json;charset=UTF-8", "application/json; charset=utf-16", "application/json; charset=iso-8859-1", "application/json; charset=us-ascii", "application/json; charset=bogus", "application/json; charset=", "application/json; charset=utf-7",
            "application/problem+json", "Application/JSON", "application/json; x=y", "text/json")),
        (2, Gen.OneOf("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data", "json", "application/json, text/plain", "*/*", "application/json; charset=utf-8; charset=utf-16", ";", "application/")));

    private static readonly Gen<byte[]> s_body = Gen.Frequency(
        (8, JsonCases.Body.Select(Encoding.UTF8.GetBytes)),
        (1, JsonCases.Body.Select(Encoding.Unicode.GetBytes)),
        (1, JsonCases.Body.Select(Encoding.Latin1.GetBytes)),
        (1, Gen.Byte.Array[0, 100]),
        (1, Gen.Int[65_500, 300_000].Select(length => Encoding.ASCII.GetBytes($"{{\"content\":\"{new string('c', length)}\"}}"))));

    private static readonly Gen<string> s_header = Gen.OneOf(
        Gen.OneOf("Accept: text/html", "Accept: */*;q=x", "Accept: application/xml", "Accept-Encoding: gzip", "If-None-Match: \"x\"", "If-Modified-Since: x", "Range: bytes=0-1", "Range: bytes=9-1", "Content-Encoding: gzip", "X-HTTP-Method-Override: PUT",
            "Authorization: Bearer x.y.z", "Authorization: x", "Cookie: a=b; c", "Expect: 100-continue", "Origin: http://evil.example", "X-Forwarded-Host: evil.example", "traceparent: 00-x", "Connection: x", "Accept-Language: \u00ff"),
        Gen.Select(FuzzText.Name, Gen.Bool, (key, twice) => $"Idempotency-Key: {Line(key)}{(twice ? $"\r\nIdempotency-Key: {Line(key)}2" : "")}"));

    private static readonly Gen<HttpRequest> s_request = Gen.Select(
        Gen.Frequency((6, Gen.Const("POST")), (4, Gen.Const("GET")), (1, Gen.OneOf("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "get", "FOO", "QUERY"))), s_target, s_type, s_body, s_header.Array[0, 2], Gen.Bool,
        (method, target, type, body, headers, chunked) => new HttpRequest(method, target, type, method is "GET" or "HEAD" ? [] : body, headers, chunked));

    /// <summary>To everybody: rare, as each costs every connection.</summary>
    private static readonly Gen<HttpRequest> s_toAll = JsonCases.Body.Where(body => body.Length < 500).Select(body => new HttpRequest("POST", "/api/messages", "application/json", Encoding.UTF8.GetBytes(body.Replace("\"hi\"", "\"all\"", StringComparison.Ordinal)), [], false));

    private static readonly Gen<string> s_framing = Gen.OneOf("Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: 40000000", "Content-Length: 5\r\nContent-Length: 6", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Transfer-Encoding: chunked", "Content-Length: 1000", "Content-Length : 5", "Host: other", " folded: x", "no colon", ": empty", "X: \0", "Transfer-Encoding:\tchunked\r\nTransfer-Encoding: x");

    public static readonly Gen<FuzzCase> All = Gen.Select(
        Gen.Frequency((60, s_request), (1, s_toAll)).Array[1, 6], Gen.Frequency((3, Gen.Const("")), (1, s_framing)), Gen.OneOf(0, 0, 0, 1, 100), Gen.Bool,
        (requests, framing, piece, reset) => (FuzzCase)new HttpCase(requests, framing, piece, reset));

    private static string Line(string text) => new([.. text.Where(c => !char.IsControl(c))]);

    /// <summary>A name as a path segment: rightly, or escaped too much, too little or not at all.</summary>
    private static string Escape(string name, int how)
    {
        var text = new StringBuilder();
        foreach (var part in Encoding.UTF8.GetBytes(name))
        {
            var plain = how switch { 0 or 1 => char.IsAsciiLetterOrDigit((char)part) || part is (byte)'-' or (byte)'.' or (byte)'_', 2 => false, _ => part > 32 };
            text.Append(plain ? ((char)part).ToString() : how == 1 ? $"%{part:x2}" : $"%{part:X2}");
        }
        return text.ToString();
    }
}

/// <summary>A request, framed rightly unless the case says otherwise.</summary>
internal sealed record HttpRequest(string Method, string Target, string Type, byte[] Body, string[] Headers, bool Chunked)
{
    public byte[] Encode(string number, string framing)
    {
        var text = new StringBuilder($"{Method} {Target} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
        if (Type.Length > 0 && (Body.Length > 0 || Method is not ("GET" or "HEAD")))
            text.Append($"Content-Type: {Type}\r\n");
        foreach (var header in Headers)
            text.Append($"{header}\r\n");
        if (framing.Length > 0)
            text.Append($"{framing}\r\n");
        else if (Chunked && Body.Length > 0)
            text.Append("Transfer-Encoding: chunked\r\n");
        else if (Body.Length > 0 || Method is not ("GET" or "HEAD"))
            text.Append($"Content-Length: {Encoding.Latin1.GetString(Body).Replace("$id", number, StringComparison.Ordinal).Length}\r\n");
        text.Append("\r\n");
        var body = Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(Body).Replace("$id", number, StringComparison.Ordinal));
        var head = Encoding.Latin1.GetBytes(text.ToString());
        return framing.Length > 0 || !Chunked || body.Length == 0
            ? [.. head, .. body]
            : [.. head, .. Encoding.ASCII.GetBytes($"{body.Length / 2:x}\r\n"), .. body[..(body.Length / 2)], .. Rest(body)];
    }

    private static byte[] Rest(byte[] body) => body.Length < 2 // a first chunk of 0 bytes was the end
        ? "\r\n"u8.ToArray()
        : [.. "\r\n"u8, .. Encoding.ASCII.GetBytes($"{body.Length - body.Length / 2:X}\r\n"), .. body[(body.Length / 2)..], .. "\r\n0\r\nTrailer: x\r\n\r\n"u8];
}

/// <summary>Requests on one connection, one after the other.</summary>
internal sealed class HttpCase(HttpRequest[] requests, string framing, int piece, bool reset) : FuzzCase
{
    public override async Task Run(FuzzTarget target)
    {
        var client = await RawClient.Connect(target);
        try
        {
            for (var i = 0; i < requests.Length; i++)
            {
                var broken = i == requests.Length - 1 ? framing : "";
                var bytes = requests[i].Encode($"{target.User}-{i}", broken);
                await client.SendSplit(bytes, bytes.Length > 2000 ? 0 : piece);
                if (broken.Length > 0)
                    client.Finish();
                var answer = await client.Answer(requests[i].Method == "HEAD");
                try
                {
                    Check(requests[i], answer, broken.Length > 0 || client.WasReset);
                }
                catch (FuzzFailure failure)
                {
                    throw new FuzzFailure($"{failure.Message}\n{requests[i].Method} {Answers.Short(requests[i].Target)} ({requests[i].Type})");
                }
                if (i < requests.Length - 1 && answer is null or { IsLast: true })
                {
                    client.Dispose();
                    client = await RawClient.Connect(target);
                }
            }
            if (framing.Length > 0)
                await client.ReadToEnd();
            client.Close(reset);
        }
        finally
        {
            client.Dispose();
        }
    }

    public override string ToString() =>
        $"framing '{framing}', pieces of {piece}\n{string.Join("\n--\n", requests.Select(request => Answers.Short(Encoding.Latin1.GetString(request.Encode("n", "")))))}";

    private static void Check(HttpRequest request, HttpAnswer? answer, bool isBroken)
    {
        if (answer is null)
        {
            if (!isBroken)
                throw new FuzzFailure("no answer");
            return;
        }
        if (answer.Status >= 500 && !(isBroken && answer.Status is 501))
            throw new FuzzFailure($"{answer.Status}: {Answers.Short(Encoding.UTF8.GetString(answer.Body))}");
        if (isBroken || request.Method == "HEAD" || !request.Target.StartsWith("/api/", StringComparison.Ordinal))
            return;
        // What Kestrel itself refuses, before there is a request, it answers with nothing and the end.
        if (answer is { Status: >= 400, IsLast: true, Length: 0 })
            return;
        if (answer.Status >= 400)
            Answers.CheckProblem(answer);
        else if (answer.Status >= 300)
            throw new FuzzFailure($"{answer.Status} to {answer.Headers["Location"].FirstOrDefault()}");
        else if (IsApi(request.Target, out var hasDots))
        {
            // The name '..' is no name, and no way to another address.
            if (hasDots)
                throw new FuzzFailure($"answered with {answer.Status}");
            Answers.Parse(Encoding.UTF8.GetString(answer.Body)).Dispose();
        }
    }

    /// <summary>Whether what begins like the API's addresses is one, and does not lead to the pages by its dots (RFC 3986 section 6.2.2).</summary>
    private static bool IsApi(string target, out bool hasDots)
    {
        var path = target.Split('?')[0];
        var plain = path.Replace("%2e", ".", StringComparison.OrdinalIgnoreCase);
        hasDots = plain.Split('/').Zip(path.Split('/')).Any(segment => segment.First is "." or ".." && segment.Second != segment.First);
        return Path.GetFullPath(plain).StartsWith("/api/", StringComparison.Ordinal);
    }
}
