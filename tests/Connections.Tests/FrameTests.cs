using System.Text;
using Realtime.Connections.Tests.Support;

namespace Realtime.Connections.Tests;

public class FrameTests
{
    [Theory]
    [InlineData(0, 2)]
    [InlineData(125, 2)]
    [InlineData(126, 4)]
    [InlineData(65_535, 4)]
    [InlineData(65_536, 10)]
    public void A_builder_writes_what_single_frames_would(int size, int head)
    {
        var data = new byte[size];
        new Random(size).NextBytes(data);
        string text = new('x', size);
        var builder = new FrameBuilder(16);
        for (int round = 0; round < 2; round++)
        {
            builder.BeginBinary();
            builder.Write(data);
            builder.End();
            builder.BeginText();
            for (int at = 0; at < size;)
            {
                var span = builder.GetSpan(Math.Min(1000, size - at));
                int take = Math.Min(span.Length, size - at);
                Encoding.UTF8.GetBytes(text.AsSpan(at, take), span);
                builder.Advance(take);
                at += take;
            }
            builder.End();
            Assert.Equal(2, builder.Messages);
            var built = builder.Build();
            var joined = Frame.Join([Frame.Binary(data), Frame.Text(text)]);
            Assert.Equal((2, 2 * (head + size)), (built.Messages, built.Size));
            Assert.Equal(joined.Bytes, built.Bytes);
            Assert.Equal((0, 0), (builder.Messages, builder.Size));
        }
        Assert.Equal(Frame.Text(text).Bytes, Frame.Text(Encoding.UTF8.GetBytes(text)).Bytes);
    }

    [Fact]
    public void A_builder_can_take_back_a_message()
    {
        var builder = new FrameBuilder();
        builder.BeginText();
        builder.Write("kept"u8);
        builder.End();
        builder.BeginText();
        builder.Write("not kept"u8);
        builder.Discard();
        Assert.Equal(Frame.Text("kept").Bytes, builder.Build().Bytes);
    }

    [Fact]
    public void A_builder_used_out_of_order_says_so()
    {
        var builder = new FrameBuilder();
        Assert.Throws<InvalidOperationException>(() => builder.End());
        Assert.Throws<InvalidOperationException>(() => builder.Advance(1));
        builder.BeginText();
        Assert.Throws<InvalidOperationException>(() => builder.BeginBinary());
        Assert.Throws<InvalidOperationException>(() => builder.Build());
        Assert.Throws<ArgumentOutOfRangeException>(() => builder.Advance(int.MaxValue));
        builder.Reset();
        Assert.Equal(0, builder.Build().Messages);
    }

    [Fact]
    public void Joining_keeps_order_and_counts()
    {
        var one = Frame.Text("one");
        Assert.Same(one, Frame.Join([one]));
        var joined = Frame.Join([one, Frame.Join([Frame.Text("two"), Frame.Text("three")])]);
        Assert.Equal(3, joined.Messages);
        Assert.Equal([0x81, 3, .. "one"u8, 0x81, 3, .. "two"u8, 0x81, 5, .. "three"u8], joined.Bytes);
        Assert.Equal(0, Frame.Join([]).Messages);
    }

    [Fact]
    public void Unmasking_in_pieces_is_unmasking_at_once()
    {
        var random = new Random(1);
        for (int i = 0; i < 200; i++)
        {
            var data = new byte[random.Next(0, 300)];
            random.NextBytes(data);
            var masked = RawClient.Frame(0x82, data).AsSpan(^data.Length..);
            uint key = BitConverter.ToUInt32([0x37, 0xFA, 0x21, 0x3D]);
            var back = new byte[data.Length];
            for (int at = 0; at < data.Length;)
            {
                int take = Math.Min(random.Next(0, 100), data.Length - at);
                key = Masking.Unmask(masked.Slice(at, take), back.AsSpan(at), key);
                at += take;
            }
            Assert.Equal(data, back);
        }
    }

    [Fact]
    public void A_message_has_a_type_that_applications_send()
    {
        Assert.Throws<WrongMessageTypeException>(() => new Message(MessageType.Ping, default));
        Assert.Throws<WrongMessageTypeException>(() => new Message(MessageType.Binary, default).Text);
        Assert.Equal("é", new Message(MessageType.Text, "é"u8.ToArray()).Text);
    }
}
