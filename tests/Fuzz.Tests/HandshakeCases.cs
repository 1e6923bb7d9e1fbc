using System.Text;
using CsCheck;

namespace Realtime.Fuzz.Tests;

/// <summary>What a change to a valid upgrade request means for its answer.</summary>
internal enum Effect
{
    /// <summary>It is upgraded all the same.</summary>
    None,

    /// <summary>It may be upgraded or refused.</summary>
    Any,

    /// <summary>It is refused.</summary>
    Refused,
}

/// <summary>An upgrade request in the making.</summary>
internal sealed class UpgradeText
{
    public string Method { get; set; } = "GET";

    public string Target { get; set; } = "/ws?user=$user";

    public string Version { get; set; } = "HTTP/1.1";

    public List<(string Name, string Value)> Headers { get; } =
    [
        ("Host", "127.0.0.1"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    public string Separator { get; set; } = ": ";

    public string Line { get; set; } = "\r\n";

    public string Before { get; set; } = "";

    public string Body { get; set; } = "";

    public Effect Effect { get; set; }

    /// <summary>The window of what the server may compress; 0 when no compression is agreed.</summary>
    public int WindowBits { get; set; }

    /// <summary>The extensions that the answer must name, empty for none.</summary>
    public string Extensions { get; set; } = "";

    public UpgradeText Apply(Change change)
    {
        change.Do(this);
        Effect = (Effect)Math.Max((int)Effect, (int)change.Effect);
        return this;
    }

    public void Set(string name, string? value)
    {
        var at = Headers.FindIndex(header => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (at >= 0 && value is null)
            Headers.RemoveAt(at);
        else if (at >= 0)
            Headers[at] = (Headers[at].Name, value!);
        else if (value is not null)
            Headers.Add((name, value));
    }

    public override string ToString() =>
        $"{Before}{Method} {Target} {Version}{Line}{string.Concat(Headers.Select(header => header.Name + Separator + header.Value + Line))}{Line}{Body}";
}

/// <summary>A change to an upgrade request.</summary>
internal sealed record Change(Effect Effect, Action<UpgradeText> Do);

/// <summary>Upgrade requests with all that may be wrong with them.</summary>
internal static class HandshakeCases
{
    private static readonly string[] s_needed = ["Host", "Upgrade", "Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key"];

    /// <summary>Without line ends and NUL, so that a header stays one.</summary>
    private static readonly Gen<string> s_value = Gen.OneOf(
        Gen.Char["abcXYZ019 ,;=\"'()<>@[]{}/?\\-_.\t"].Array[0, 40].Select(characters => new string(characters)),
        Gen.Char[(char)1, (char)255].Array[0, 20].Select(characters => new string(characters).Replace('\n', '_').Replace('\r', '_')));

    /// <summary>A parameter of permessage-deflate, and whether it can be met (RFC 7692 section 7.1).</summary>
    private static readonly Gen<(string Text, bool IsMet, int Bits)> s_parameter = Gen.Frequency(
        (4, Gen.Int[8, 15].Select(bits => ($"server_max_window_bits={bits}", true, bits))),
        (1, Gen.Int[8, 15].Select(bits => ($"Server_Max_Window_Bits = \"{bits}\"", true, bits))),
        (2, Gen.OneOf("server_no_context_takeover", "client_no_context_takeover", "client_max_window_bits", "client_max_window_bits=8", "client_max_window_bits=15").Select(text => (text, true, 0))),
        (1, Gen.OneOf("server_max_window_bits=16", "server_max_window_bits=7", "server_max_window_bits=08", "server_max_window_bits", "client_max_window_bits=0", "client_no_context_takeover=1", "foo", "x=y").Select(text => (text, false, 0))));

    private static readonly Gen<(string Text, bool IsMet, int Bits)> s_offer = Gen.Frequency(
        (4, s_parameter.Array[0, 3].Select(parameters => (
            string.Join("; ", parameters.Select(parameter => parameter.Text).Prepend("permessage-deflate")),
            parameters.All(parameter => parameter.IsMet) && parameters.Select(parameter => parameter.Text.Split('=')[0].Trim().ToLowerInvariant()).Distinct().Count() == parameters.Length,
            parameters.Sum(parameter => parameter.Bits)))),
        (1, Gen.OneOf("foo; bar=1", "x-webkit-deflate-frame", "permessage-bzip2").Select(text => (text, false, 0))));

    private static readonly Gen<Change> s_harmless = Gen.OneOf(
        Gen.Bool.Select(upper => new Change(Effect.None, request => Rename(request, name => upper ? name.ToUpperInvariant() : name.ToLowerInvariant()))),
        Gen.OneOf("WebSocket", "WEBSOCKET", "h2c, websocket", "websocket, foo/1").Select(value => Set(Effect.None, "Upgrade", value)),
        Gen.OneOf("keep-alive, Upgrade", "upgrade", "Upgrade,foo", "UPGRADE").Select(value => Set(Effect.None, "Connection", value)),
        Gen.OneOf("realtime.json.v1", "foo", "foo, realtime.json.v1", "realtime.json.v1,realtime.json.v1").Select(value => Set(Effect.None, "Sec-WebSocket-Protocol", value)),
        s_offer.Array[1, 3].Select(Offer),
        Gen.Int[0, 10].Select(shift => new Change(Effect.None, request => request.Headers.AddRange(request.Headers.Splice(shift)))),
        Gen.Const(new Change(Effect.None, request => request.Separator = ":")),
        Gen.Const(new Change(Effect.None, request => request.Separator = ":  \t")),
        Gen.Int[1, 45].Select(count => new Change(Effect.None, request => request.Headers.AddRange(Enumerable.Range(0, count).Select(n => ($"X-{n}", "v"))))),
        Gen.Const(Set(Effect.None, "Origin", "http://127.0.0.1")));

    private static readonly Gen<Change> s_refused = Gen.OneOf(
        Gen.OneOf("POST", "PUT", "HEAD", "DELETE", "OPTIONS", "get", "Get", "FOO", "CONNECT").Select(method => new Change(Effect.Refused, request => request.Method = method)),
        Gen.OneOf("HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3", "http/1.1", "HTTP/1.1 x", "").Select(version => new Change(Effect.Refused, request => request.Version = version)),
        Gen.OneOf(s_needed).Select(name => Set(Effect.Refused, name, null)),
        Gen.OneOf("8", "12", "14", "13, 8", "1e1", "-13", "013").Select(value => Set(Effect.Refused, "Sec-WebSocket-Version", value)),
        Gen.OneOf("", "AAAA", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZSE=", "????????????????????????", "dGhlIHNhbXBsZSBub25jZQ== x").Select(value => Set(Effect.Refused, "Sec-WebSocket-Key", value)),
        Gen.OneOf("Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version").Select(name => new Change(Effect.Refused,
            request => request.Headers.Add((name, request.Headers.Find(header => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Value ?? "x")))),
        Gen.OneOf("http://evil.example", "null", "http://127.0.0.1.evil.example", "http://127.0.0.1:1", "", "x").Select(value => Set(Effect.Refused, "Origin", value)),
        Gen.OneOf("evil.example", "10.0.0.1", "a b").Select(value => Set(Effect.Refused, "Host", value)),
        Gen.OneOf("X-Forwarded-For", "Forwarded", "Via").Select(name => Set(Effect.Refused, name, "10.1.1.1")),
        Gen.OneOf("/ws", "/ws?user=", "/ws?user=%00", "/ws?user=%20", "/ws?user=..", "/nowhere", "ws", "*", "/ws/nowhere?user=$user").Select(target => new Change(Effect.Refused, request => request.Target = target)),
        Gen.OneOf("h2c", "websocketx", "web socket", "").Select(value => Set(Effect.Refused, "Upgrade", value)),
        Gen.OneOf("close", "keep-alive", "Upgrad").Select(value => Set(Effect.Refused, "Connection", value)));

    private static readonly Gen<Change> s_any = Gen.OneOf(
        Gen.Select(Gen.OneOf([.. s_needed, "Origin", "Cookie", "Authorization", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Expect", "X-Odd", "Accept-Encoding", "Content-Type", "If-None-Match"]), s_value,
            (name, value) => new Change(Effect.Any, request => request.Headers.Add((name, value)))),
        Gen.Select(s_value, s_value, (name, value) => new Change(Effect.Any, request => request.Headers.Insert(0, (name, value)))),
        Gen.OneOf("\n", "\r", "\r\n ", "\n\r\n").Select(line => new Change(Effect.Any, request => request.Line = line)),
        Gen.OneOf("\r\n", "\n", " ", "\0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01").Select(before => new Change(Effect.Any, request => request.Before = before)),
        Gen.Select(Gen.OneOf("0", "5", "-1", "99999999999999999999", "5, 5", "x"), Gen.OneOf("", "hello"), (length, body) => new Change(Effect.Any, request =>
        {
            request.Headers.Add(("Content-Length", length));
            request.Body = body;
        })),
        Gen.OneOf("chunked", "gzip, chunked", "chunked, chunked", "x").Select(value => new Change(Effect.Any, request =>
        {
            request.Headers.Add(("Transfer-Encoding", value));
            request.Body = "5\r\nhello\r\n0\r\n\r\n";
        })),
        Gen.OneOf(",", ";", "=", "permessage-deflate;", "permessage-deflate; server_max_window_bits", "permessage-deflate; client_max_window_bits=x").Select(value => Set(Effect.Any, "Sec-WebSocket-Extensions", value)),
        Gen.OneOf("127.0.0.1:99999999", "127.0.0.1:", "LOCALHOST:80", "[::1]", "127.0.0.1.").Select(value => Set(Effect.Any, "Host", value)),
        Gen.OneOf("100-continue", "200-ok").Select(value => Set(Effect.Any, "Expect", value)),
        Gen.OneOf("http://127.0.0.1/ws?user=$user", "//ws?user=$user", "/ws/?user=$user", "/%77s?user=$user", "/ws?user=$user#x", "/ws?user=$user&user=b", "/ws?user=%E2%80%AE$user", "/ws?user=%ff", "/ws?user=%", "/./ws?user=$user", "/ws/../ws?user=$user", "/ws\\?user=$user", "/ws?access_token=x&user=$user")
            .Select(target => new Change(Effect.Any, request => request.Target = target)),
        Gen.Int[7_000, 40_000].Select(length => new Change(Effect.Any, request => request.Headers.Add(("X-Long", new string('x', length))))),
        Gen.Int[7_000, 40_000].Select(length => new Change(Effect.Any, request => request.Target += "&x=" + new string('x', length))),
        Gen.Int[90, 200].Select(count => new Change(Effect.Any, request => request.Headers.AddRange(Enumerable.Range(0, count).Select(n => ($"X-{n}", "v"))))));

    /// <summary>At most one that matters, and last, so that none undoes another.</summary>
    private static readonly Gen<Change[]> s_changes = Gen.Select(s_harmless.Array[0, 2],
        Gen.Frequency((4, Gen.Const(Array.Empty<Change>())), (4, s_refused.Array[1]), (3, s_any.Array[1])), (harmless, other) => (Change[])[.. harmless, .. other]);

    public static readonly Gen<FuzzCase> All = Gen.Select(
        s_changes,
        Gen.OneOf(0, 0, 0, 1, 10, 100, 1000),
        Gen.Frequency((6, Gen.Const(-1)), (1, Gen.Int[0, 300])),
        Gen.Frequency((6, Gen.Const(0)), (2, Gen.Int[1, 4])),
        Gen.Frequency((6, Gen.Const(false)), (1, Gen.Const(true))),
        Gen.Bool,
        (changes, piece, cut, frames, leaves, reset) =>
            (FuzzCase)new HandshakeCase(changes.Aggregate(new UpgradeText(), (request, change) => request.Apply(change)), piece, cut, frames, leaves, reset));

    private static Change Set(Effect effect, string name, string? value) => new(effect, request => request.Set(name, value));

    /// <summary>The first offer that can be met is taken, and its window named (section 7.1.2.1).</summary>
    private static Change Offer((string Text, bool IsMet, int Bits)[] offers) => new(Effect.None, request =>
    {
        request.Set("Sec-WebSocket-Extensions", string.Join(", ", offers.Select(offer => offer.Text)));
        var (_, isMet, bits) = offers.FirstOrDefault(offer => offer.IsMet);
        request.WindowBits = !isMet ? 0 : bits == 0 ? 15 : bits;
        request.Extensions = !isMet ? "" : $"permessage-deflate; server_no_context_takeover; client_no_context_takeover{(bits == 0 ? "" : $"; server_max_window_bits={bits}")}";
    });

    private static void Rename(UpgradeText request, Func<string, string> rename)
    {
        for (var i = 0; i < request.Headers.Count; i++)
            request.Headers[i] = (rename(request.Headers[i].Name), request.Headers[i].Value);
    }

    /// <summary>Takes out some from the front.</summary>
    private static List<T> Splice<T>(this List<T> list, int count)
    {
        count = Math.Min(count, list.Count);
        var taken = list.GetRange(0, count);
        list.RemoveRange(0, count);
        return taken;
    }
}

/// <summary>One upgrade request, whole, cut or with frames right behind it.</summary>
internal sealed class HandshakeCase(UpgradeText request, int piece, int cut, int frames, bool leaves, bool reset) : FuzzCase
{
    private const string Accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; // of the key of RFC 6455 section 1.3

    public override async Task Run(FuzzTarget target)
    {
        var bytes = Encoding.Latin1.GetBytes(request.ToString().Replace("$user", target.User, StringComparison.Ordinal));
        using var client = await RawClient.Connect(target);
        if (cut >= 0 && cut < bytes.Length)
        {
            await client.SendSplit(bytes.AsMemory(0, cut), piece);
            client.Finish();
            if (!leaves)
                await client.ReadToEnd();
            client.Close(reset);
            return;
        }
        for (var i = 0; i < frames; i++)
            bytes = [.. bytes, .. ClientFrames.Text(ClientFrames.Ping($"early{i}"))];
        await client.SendSplit(bytes, bytes.Length > 2000 ? 1000 : piece);
        if (leaves)
        {
            client.Close(reset); // and whose connection it becomes is nobody's
            return;
        }
        if (request.Effect == Effect.Any)
            client.Finish(); // it may wait for more
        var answer = await client.Answer(toHead: request.Method == "HEAD");
        Check(answer, client.WasReset);
        if (answer is { Status: 101 } && request.Effect == Effect.None)
            await Talk(client, target.User);
        else if (answer is null or { IsLast: true } || request.Effect == Effect.Any)
            await client.ReadToEnd();
        client.Close(reset);
    }

    public override string ToString() => $"pieces of {piece}, cut at {cut}, {frames} frames behind, leaves: {leaves}, {request.Effect}:\n{Answers.Short(request.ToString())}";

    private void Check(HttpAnswer? answer, bool wasReset)
    {
        if (answer is { Status: >= 500 and not (501 or 505) } or { Status: < 400 and not 101 })
            throw new FuzzFailure($"answered with {answer.Status}");
        if (answer is { Status: 101 } && (request.Effect == Effect.Refused || (request.Effect == Effect.None && !answer.Headers["Sec-WebSocket-Accept"].Contains(Accept))))
            throw new FuzzFailure("upgraded");
        if (answer is { Status: 101 } && request.Effect == Effect.None && string.Join(", ", answer.Headers["Sec-WebSocket-Extensions"]) is var agreed && agreed != request.Extensions)
            throw new FuzzFailure($"agreed on '{agreed}', not on '{request.Extensions}'");
        if (answer is { Status: not 101 } && request.Effect == Effect.None)
            throw new FuzzFailure($"refused with {answer.Status}");
        if (answer is null && !wasReset && request.Effect == Effect.None && frames == 0)
            throw new FuzzFailure("no answer");
    }

    /// <summary>What came with the request is answered, or the connection is ended; it does not stay deaf.</summary>
    private async Task Talk(RawClient client, string user)
    {
        client.WindowBits = request.WindowBits;
        await client.SendText(ClientFrames.Ping("sentinel"));
        // What repeats itself further back than a small window goes.
        var far = string.Concat(Enumerable.Repeat(string.Concat(Enumerable.Range(0, 150).Select(n => $"{n * 7919 % 1000:x3}")), 2));
        var early = 0;
        while (await client.Frame() is { } frame)
        {
            if (frame.Opcode == ServerFrame.Close && frames > 0)
                return;
            if (frame.Opcode == ServerFrame.Text && early == frames && frame.AsText.Contains(far, StringComparison.Ordinal))
                return;
            if (frame.Opcode != ServerFrame.Text || Answers.Check(frame.AsText, user) is not { } id)
                continue;
            if (id == "far")
                continue;
            if (id != "sentinel")
            {
                if (id != $"early{early++}")
                    throw new FuzzFailure($"the answers to early frames are out of order: {id}");
                continue;
            }
            if (early != frames)
                throw new FuzzFailure($"{frames} frames came with the request, and {early} were answered");
            if (request.WindowBits == 0)
                return;
            await client.SendText($$"""{"type":"message","id":"far","to":"{{user}}","content":"{{far}}"}""");
        }
        if (frames == 0)
            throw new FuzzFailure("the connection ended");
    }
}
