using System.Text;
using Realtime.Bench.Load;

namespace Realtime.Bench.Tests;

public sealed class PayloadTests
{
    [Theory]
    [InlineData("{0}", 28)]
    [InlineData("""{{"type":"message","content":"{0}"}}""", 128)]
    [InlineData("@ @@ @@@{0}", 1000)]
    public void It_is_found_in_whatever_it_is_wrapped(string wrapping, int length)
    {
        var payload = Payload.Create(length);
        Payload.Stamp(payload, sentAt: 0x123456789abcdef0, number: 77_777);
        var text = Encoding.UTF8.GetBytes(string.Format(wrapping, Encoding.UTF8.GetString(payload)));

        var at = Payload.Find(text, out var sentAt, out var number);

        Assert.Equal((0x123456789abcdef0, 77_777), (sentAt, number));
        Assert.Equal(text.AsSpan().IndexOf(payload), at);
    }

    [Theory]
    [InlineData("")]
    [InlineData("""{"type":"pong"}""")]
    [InlineData("@@0000000000000001-0000001")]
    [InlineData("@@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public void Other_text_is_none(string text) => Assert.Equal(-1, Payload.Find(Encoding.UTF8.GetBytes(text), out _, out _));
}
