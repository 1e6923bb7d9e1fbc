using Realtime.WebFront.Security.Tokens;

namespace Realtime.WebFront.Tests.Security;

public class Base64UrlTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("AA", "00")]
    [InlineData("_w", "FF")]
    [InlineData("__8", "FFFF")]
    [InlineData("-_-_", "FBFFBF")]
    [InlineData("A-z_8", null)] // one character over
    [InlineData("A", null)]
    [InlineData("AB", null)] // bits left over that are not zero
    [InlineData("_x", null)]
    [InlineData("__9", null)]
    [InlineData("AA==", null)]
    [InlineData("AA%3D%3D", null)]
    [InlineData("+/+/", null)]
    [InlineData("AA AA", null)]
    [InlineData("AAAA\n", null)]
    [InlineData("AAA\0", null)]
    [InlineData("ÄÄÄÄ", null)]
    public void Only_the_one_spelling_is_read(string text, string? hex)
    {
        Assert.Equal(hex is not null, StrictBase64Url.TryDecode(text, out var bytes));
        Assert.Equal(hex ?? "", Convert.ToHexString(bytes));
    }

    [Fact]
    public void Every_byte_of_every_length_comes_back()
    {
        for (var length = 0; length < 300; length++)
        {
            var bytes = Enumerable.Range(0, length).Select(i => (byte)(i * 7 + length)).ToArray();
            Assert.True(StrictBase64Url.TryDecode(Issuer.Encode(bytes), out var decoded));
            Assert.Equal(bytes, decoded);
        }
    }
}
