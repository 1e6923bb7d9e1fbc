using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Realtime.Connections.Tests.Support;

namespace Realtime.Connections.Tests.Listening;

/// <summary>HTTP over this library's transport, and over ASP.NET Core's own, which has to pass the same.</summary>
public class HttpTests
{
    private const int Megabyte = 1024 * 1024;

    [Theory, Combinatorial<Carrier>]
    public async Task A_connection_serves_one_request_after_another(Carrier carrier)
    {
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            string body = await reader.ReadToEndAsync();
            await context.Response.WriteAsync($"{context.Connection.Id} {context.Request.Method} {body}");
        });
        using var http = server.Client();
        string first = await http.GetStringAsync("/");
        for (int i = 0; i < 50; i++)
        {
            string body = new('x', i * 3000);
            using var response = await http.PostAsync("/", new StringContent(body));
            Assert.Equal(first.Replace("GET ", "POST " + body, StringComparison.Ordinal), await response.Content.ReadAsStringAsync());
        }
    }

    [Theory, Combinatorial<Carrier>]
    public async Task Pipelined_requests_are_answered_in_order(Carrier carrier)
    {
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            if (context.Request.Path.Value!.EndsWith('7'))
                await Task.Yield();
            await context.Response.WriteAsync(context.Request.Path);
        });
        using var client = await RawClient.OpenAsync(server.EndPoint);
        const int count = 2000;
        var requests = new StringBuilder();
        for (int i = 0; i < count; i++)
            requests.Append($"GET /{i} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        var sending = client.SendAsync(Encoding.ASCII.GetBytes(requests.ToString()));
        for (int i = 0; i < count; i++)
            Assert.Equal($"/{i}", await ReadAnswerAsync(client));
        await sending;
    }

    [Theory, Combinatorial<Carrier>]
    public async Task A_request_in_pieces_of_one_byte_is_understood(Carrier carrier)
    {
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            await context.Response.WriteAsync(await reader.ReadToEndAsync());
        });
        using var client = await RawClient.OpenAsync(server.EndPoint);
        foreach (byte one in "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"u8.ToArray())
            await client.SendAsync([one]);
        Assert.Equal("hello", await ReadAnswerAsync(client));
    }

    [Theory, Combinatorial<Carrier>("1.1", "1.1 tls", "2.0", "2.0 tls")]
    public async Task Large_bodies_arrive_whole_both_ways(Carrier carrier, string protocol)
    {
        bool tls = protocol.EndsWith("tls", StringComparison.Ordinal);
        var version = Version.Parse(protocol.Split(' ')[0]);
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            // All of it first: a client that reads nothing before it has sent everything would wait for ever.
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            body.Position = 0;
            await body.CopyToAsync(context.Response.Body);
        }, kestrel => kestrel.Limits.MaxRequestBodySize = null, listen =>
        {
            listen.Protocols = version.Major == 2 ? HttpProtocols.Http2 : HttpProtocols.Http1;
            if (tls)
                HttpServer.UseTls(listen);
        });
        using var http = server.Client(version);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async number =>
        {
            var body = new byte[(8 * Megabyte) + number];
            new Random(number).NextBytes(body);
            using var request = new HttpRequestMessage(HttpMethod.Post, "/") { Version = version, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent(body) };
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).Within(60);
            Assert.Equal(version, response.Version);
            using var received = new MemoryStream();
            await response.Content.CopyToAsync(received).Within(60);
            Assert.Equal(SHA256.HashData(body), SHA256.HashData(received.ToArray()));
        }));
    }

    [Theory, Combinatorial<Carrier>]
    public async Task Many_streams_of_one_connection_are_served(Carrier carrier)
    {
        await using var server = await HttpServer.StartAsync(carrier, context => context.Response.WriteAsync(context.Request.Path + new string('x', 5000)),
            listen: listen => listen.Protocols = HttpProtocols.Http2);
        using var http = server.Client(HttpVersion.Version20);
        await Task.WhenAll(Enumerable.Range(0, 500).Select(async number =>
            Assert.Equal($"/{number}{new string('x', 5000)}", await http.GetStringAsync($"/{number}").Within(60))));
    }

    [Theory, Combinatorial<Carrier>]
    public async Task An_application_that_writes_more_than_is_read_has_to_wait(Carrier carrier)
    {
        long written = 0;
        var paused = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        const int total = 64 * Megabyte;
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            context.Response.ContentLength = total;
            var piece = new byte[Megabyte / 2];
            for (long sent = 0; sent < total; sent += piece.Length)
            {
                var writing = context.Response.Body.WriteAsync(piece);
                if (!writing.IsCompleted && await Task.WhenAny(writing.AsTask(), Task.Delay(500)) is { } first && !writing.IsCompleted)
                    paused.TrySetResult();
                await writing;
                Volatile.Write(ref written, sent);
            }
        }, kestrel => kestrel.Limits.MinResponseDataRate = null);
        using var client = await RawClient.OpenAsync(server.EndPoint, receiveBuffer: 64 * 1024);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
        await paused.Task.Within();
        Assert.True(Volatile.Read(ref written) < total / 2, $"{written} bytes were taken");
        await client.ReadHeadAsync();
        for (long left = total; left > 0; left -= 4096)
            Assert.Equal(4096, (await client.ReadTextAsync(4096)).Length);
    }

    [Theory, Combinatorial<Carrier>]
    public async Task A_body_that_is_not_read_stays_with_its_sender(Carrier carrier)
    {
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        const int total = 64 * Megabyte;
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            await go.Task;
            long length = 0;
            var buffer = new byte[64 * 1024];
            while (await context.Request.Body.ReadAsync(buffer) is > 0 and int read)
                length += read;
            await context.Response.WriteAsync($"{length}");
        }, kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
        });
        using var client = await RawClient.OpenAsync(server.EndPoint);
        client.Socket.SendBufferSize = 64 * 1024;
        await client.SendAsync(Encoding.ASCII.GetBytes($"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {total}\r\n\r\n"));
        long sent = 0;
        var sending = Task.Run(async () =>
        {
            var piece = new byte[64 * 1024];
            for (; sent < total; Interlocked.Add(ref sent, piece.Length))
                for (int part = 0; part < piece.Length;)
                    part += await client.Socket.SendAsync(piece.AsMemory(part));
        });
        long before;
        do
        {
            before = Interlocked.Read(ref sent);
            await Task.Delay(500); // nothing tells that a sender stands still
        }
        while (Interlocked.Read(ref sent) != before);
        Assert.True(before < total / 2, $"{before} bytes were taken");
        go.SetResult();
        await sending.Within(60);
        Assert.Equal($"{total}", await ReadAnswerAsync(client));
    }

    [Theory, Combinatorial<Carrier>]
    public async Task A_client_that_expects_to_be_asked_is_asked_for_its_body(Carrier carrier)
    {
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            await context.Response.WriteAsync(await reader.ReadToEndAsync());
        });
        using var client = await RawClient.OpenAsync(server.EndPoint);
        await client.SendAsync("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"u8.ToArray());
        Assert.StartsWith("HTTP/1.1 100 ", await client.ReadHeadAsync());
        await client.SendAsync("abc"u8.ToArray());
        Assert.Equal("abc", await ReadAnswerAsync(client));
    }

    [Theory, Combinatorial<Carrier>]
    public async Task An_answer_comes_piece_by_piece_as_it_is_flushed(Carrier carrier)
    {
        var next = new SemaphoreSlim(0);
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            for (int i = 0; i < 5; i++)
            {
                await context.Response.WriteAsync($"{i}");
                await context.Response.Body.FlushAsync();
                await next.WaitAsync();
            }
        });
        using var client = await RawClient.OpenAsync(server.EndPoint);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
        await client.ReadHeadAsync();
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal($"1\r\n{i}\r\n", await client.ReadTextAsync(6));
            next.Release();
        }
        Assert.Equal("0\r\n\r\n", await client.ReadTextAsync(5));
    }

    [Theory, Combinatorial<Carrier>]
    public async Task The_refusal_of_a_body_reaches_a_client_that_still_sends_it(Carrier carrier)
    {
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            context.Response.StatusCode = 413;
            context.Response.Headers.Connection = "close";
            await context.Response.WriteAsync("too large");
        });
        for (int i = 0; i < 20; i++)
        {
            using var client = await RawClient.OpenAsync(server.EndPoint);
            await client.SendAsync([.. "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n"u8, .. new byte[200_000]]);
            Assert.StartsWith("HTTP/1.1 413 ", await client.ReadHeadAsync());
        }
    }

    [Theory, Combinatorial<Carrier>]
    public async Task Urgent_data_stalls_nothing(Carrier carrier)
    {
        await using var server = await HttpServer.StartAsync(carrier, async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            await context.Response.WriteAsync(await reader.ReadToEndAsync());
        });
        using var client = await RawClient.OpenAsync(server.EndPoint);
        for (int i = 0; i < 20; i++)
        {
            await client.SendAsync("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nabc"u8.ToArray());
            client.Socket.Send("!"u8, SocketFlags.OutOfBand);
            await client.SendAsync("def"u8.ToArray());
            Assert.Equal("abcdef", await ReadAnswerAsync(client));
        }
    }

    internal static async Task<string> ReadAnswerAsync(RawClient client)
    {
        string head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 200 ", head);
        foreach (string line in head.Split("\r\n"))
            if (line.StartsWith("Content-Length: ", StringComparison.Ordinal))
                return await client.ReadTextAsync(int.Parse(line[16..]));
        var body = new StringBuilder();
        while (true)
        {
            string size = "";
            while (!size.EndsWith("\r\n", StringComparison.Ordinal))
                size += await client.ReadTextAsync(1);
            int length = Convert.ToInt32(size.Trim(), 16);
            string piece = await client.ReadTextAsync(length + 2);
            if (length == 0)
                return body.ToString();
            body.Append(piece[..length]);
        }
    }
}
