using System.Text;
using Microsoft.AspNetCore.Builder;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>The window that a client asks for is agreed by name, and kept (RFC 7692 section 7.1.2.1).</summary>
public class WindowTests
{
    private const string Accepted = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    private const string Unmet = "unmet";
    private const string Malformed = "malformed";

    [Theory]
    [InlineData("permessage-deflate", Accepted)]
    [InlineData("PerMessage-Deflate ; server_no_context_takeover", Accepted)]
    [InlineData("x-webkit-deflate-frame, permessage-deflate", Accepted)]
    [InlineData(",, x; y=\"z\" ,permessage-deflate,", Accepted)]
    [InlineData("permessage-deflate; client_max_window_bits", Accepted)]
    [InlineData("permessage-deflate; client_max_window_bits=8; server_no_context_takeover; client_no_context_takeover", Accepted)]
    [InlineData("permessage-deflate; client_max_window_bits=\"15\"", Accepted)]
    [InlineData("permessage-deflate; server_max_window_bits=15", $"{Accepted}; server_max_window_bits=15")]
    [InlineData("permessage-deflate;server_max_window_bits = 9", $"{Accepted}; server_max_window_bits=9")]
    [InlineData("permessage-deflate; server_max_window_bits=\"1\\0\"", $"{Accepted}; server_max_window_bits=10")]
    [InlineData("permessage-deflate; server_max_window_bits=8; client_max_window_bits", $"{Accepted}; server_max_window_bits=8")]
    [InlineData("permessage-deflate; server_max_window_bits=16, permessage-deflate; server_max_window_bits=12, permessage-deflate", $"{Accepted}; server_max_window_bits=12")]
    [InlineData("permessage-deflate; server_max_window_bits=7", Unmet)]
    [InlineData("permessage-deflate; server_max_window_bits=16", Unmet)]
    [InlineData("permessage-deflate; server_max_window_bits=08", Unmet)]
    [InlineData("permessage-deflate; server_max_window_bits=15.0", Unmet)]
    [InlineData("permessage-deflate; server_max_window_bits=+9", Unmet)]
    [InlineData("permessage-deflate; server_max_window_bits", Unmet)]
    [InlineData("permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", Unmet)]
    [InlineData("permessage-deflate; server_max_window_bits=9; SERVER_max_window_bits=10", Unmet)]
    [InlineData("permessage-deflate; client_max_window_bits=7", Unmet)]
    [InlineData("permessage-deflate; client_no_context_takeover=x", Unmet)]
    [InlineData("permessage-deflate; client_no_context_takeover=\"x\"", Unmet)]
    [InlineData("permessage-deflate; unknown", Unmet)]
    [InlineData("permessage-deflates", Unmet)]
    [InlineData("permessage-deflate; server_max_window_bits=", Malformed)]
    [InlineData("permessage-deflate; server_max_window_bits=\"9", Malformed)]
    [InlineData("permessage-deflate; server_max_window_bits=\"\"", Malformed)]
    [InlineData("permessage-deflate; server_max_window_bits=\"9,10\"", Malformed)]
    [InlineData("permessage-deflate; server_max_window_bits=9 10", Malformed)]
    [InlineData("permessage-deflate;", Malformed)]
    [InlineData("permessage-deflate;; client_no_context_takeover", Malformed)]
    [InlineData("permessage deflate", Malformed)]
    [InlineData("=9", Malformed)]
    [InlineData(" , ", Malformed)]
    public async Task Offers_are_answered_by_the_rules(string offer, string answer)
    {
        await using var server = await Server.EchoAsync(Path.Polled, options => options.EnableCompression = true);
        using var client = await RawClient.OpenAsync(server.EndPoint);
        await client.SendAsync(Encoding.ASCII.GetBytes(RawClient.UpgradeRequest(headers: $"Sec-WebSocket-Extensions: {offer}\r\n")));
        string head = await client.ReadHeadAsync();
        Assert.StartsWith(answer == Malformed ? "HTTP/1.1 400 " : "HTTP/1.1 101 ", head);
        if (answer is Malformed or Unmet)
            Assert.DoesNotContain("Sec-WebSocket-Extensions:", head);
        else
            Assert.Contains($"\r\nSec-WebSocket-Extensions: {answer}\r\n", head);
    }

    [Fact]
    public async Task Nothing_refers_further_back_than_the_window()
    {
        var recorder = new Recorder();
        await using var server = await Server.StartAsync(Path.Polled, app => app.MapConnections<Recorder>("/ws"),
            options => options.EnableCompression = true, builder => builder.AddHandler(recorder));
        var random = new Random(1);
        string[] words = [.. Enumerable.Range(0, 2000).Select(_ => new string([.. Enumerable.Range(0, 12).Select(_ => (char)random.Next('a', 'z'))]))];
        var texts = new[]
        {
            string.Concat(Enumerable.Range(0, 8000).Select(_ => words[random.Next(words.Length)])), // repeats from any distance
            string.Concat(Enumerable.Range(0, 8000).Select(i => words[i / 40])),                     // and from near
            new string('a', 100_000),
            string.Concat(Enumerable.Range(0, 30).Select(i => $"message {i % 7} ")),
        };
        var clients = new List<(int Bits, RawClient Client)>();
        for (int bits = 8; bits <= 15; bits++)
        {
            clients.Add((bits, await server.ConnectRawAsync(headers: $"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits={bits}\r\n")));
            await recorder.ConnectionAsync();
        }
        foreach (string text in texts)
            Assert.Equal(clients.Count, server.Registry.BroadcastText(text));
        int furthest = 0, compressed = 0;
        foreach (var (bits, client) in clients)
        {
            using var _ = client;
            foreach (string text in texts)
            {
                var frame = await client.ReceiveAsync();
                if (!frame!.Rsv1)
                {
                    Assert.Equal(text, frame.Text);
                    continue;
                }
                var read = DeflateReader.Read(frame.Payload);
                Assert.NotNull(read);
                Assert.Equal(text, Encoding.UTF8.GetString(read.Output));
                Assert.InRange(read.MaxDistance, 0, 1 << bits);
                Assert.InRange(frame.Payload.Length, 1, text.Length - 1);
                furthest = Math.Max(furthest, read.MaxDistance);
                compressed++;
            }
        }
        Assert.InRange(furthest, 1 << 14, 1 << 15);
        Assert.InRange(compressed, 3 * clients.Count, 4 * clients.Count);
    }
}
