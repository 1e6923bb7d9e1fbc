using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Realtime.ClientLoad;

/// <summary>The least that a client takes for a room: it lets one in and sends numbered messages, many with one write, so that it costs far less than what reads them.</summary>
internal static partial class MessageServer
{
    /// <param name="rate">Messages a second; 0 for as many as the client takes.</param>
    public static async Task RunAsync(int rate, int contentBytes)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Run(context => Serve(context, rate, new string('x', contentBytes)));
        await app.StartAsync();
        Console.WriteLine(app.Urls.First().Replace("http", "ws", StringComparison.Ordinal) + "/ws");
        await Console.In.ReadToEndAsync(); // whoever has started it ends it, or is gone
    }

    private static async Task Serve(HttpContext context, int rate, string content)
    {
        var headers = context.Response.Headers;
        headers.Connection = "Upgrade";
        headers.Upgrade = "websocket";
        headers.SecWebSocketProtocol = "realtime.json.v1";
        headers.SecWebSocketAccept = Accept(context.Request.Headers.SecWebSocketKey!);
        await using var socket = await context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        try
        {
            await Write(socket, Frame($$"""{"type":"joined","id":"{{await ReadId(socket)}}","room":"load","epoch":"e","seq":0,"members":1}"""));
            await SendMessages(socket, rate, content);
        }
        catch (IOException)
        {
            // The client has seen enough.
        }
    }

    private static async Task SendMessages(Stream socket, int rate, string content)
    {
        var clock = Stopwatch.StartNew();
        var buffer = new List<byte>();
        for (var sequence = 1L; ;)
        {
            var due = rate == 0 ? sequence + 200 : (long)(clock.Elapsed.TotalSeconds * rate);
            buffer.Clear();
            for (; sequence <= due; sequence++)
                buffer.AddRange(Frame($$"""{"type":"message","room":"load","from":"user-{{sequence % 100}}","content":"{{content}}","epoch":"e","seq":{{sequence}},"timestamp":1760000000000}"""));
            await Write(socket, [.. buffer]);
            if (rate > 0)
                await Task.Delay(1);
        }
    }

    private static async Task Write(Stream socket, byte[] bytes)
    {
        await socket.WriteAsync(bytes);
        await socket.FlushAsync();
    }

    /// <summary>The id in the first frame of the client, which is short and comes whole.</summary>
    private static async Task<string> ReadId(Stream socket)
    {
        var frame = new byte[4096];
        var length = await socket.ReadAsync(frame);
        for (var i = 6; i < length; i++)
            frame[i] ^= frame[2 + ((i - 6) % 4)];
        return Id().Match(Encoding.UTF8.GetString(frame, 6, length - 6)).Groups[1].Value;
    }

    /// <summary>RFC 6455 section 5.2: a text frame of 126 bytes and more, or fewer, without a mask.</summary>
    private static byte[] Frame(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        byte[] head = length < 126 ? [0x81, (byte)length] : [0x81, 126, (byte)(length >> 8), (byte)length];
        return [.. head, .. Encoding.UTF8.GetBytes(text)];
    }

    /// <summary>RFC 6455 section 4.2.2, which names this hash.</summary>
    private static string Accept(string key) => Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));

    [GeneratedRegex("\"id\":\"([^\"]+)\"")]
    private static partial Regex Id();
}
