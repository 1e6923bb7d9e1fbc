using System.IO.Compression;
using System.Text;
using CsCheck;

namespace Realtime.Fuzz.Tests;

/// <summary>Raw frames after a valid upgrade, each sequence on a connection of its own.</summary>
internal static class FrameCases
{
    private static readonly Gen<byte[]> s_garbage = Gen.Frequency(
        (6, Gen.Byte.Array[0, 40]), (3, Gen.Byte.Array[100, 300]), (1, Gen.Byte.Array[60_000, 70_000]));

    private static readonly Gen<byte[]> s_text = Gen.Frequency(
        (6, Gen.Int[0, 999].Select(n => Encoding.UTF8.GetBytes(ClientFrames.Ping($"f{n}")))),
        (2, Gen.String[0, 60].Select(Encoding.UTF8.GetBytes)),
        (1, Gen.Int[60_000, 70_000].Select(n => Encoding.UTF8.GetBytes(ClientFrames.Ping("f") + new string(' ', n)))),
        (1, s_garbage));

    private static readonly Gen<byte[]> s_closePayload = Gen.Frequency(
        (1, Gen.Const(Array.Empty<byte>())),
        (1, Gen.Byte.Array[1]),
        (4, Gen.Select(Gen.OneOf(Gen.Int[0, 65_535], Gen.Int[995, 1020], Gen.Int[2995, 5005]), Gen.String[0, 12], (code, reason) => (byte[])[(byte)(code >> 8), (byte)code, .. Encoding.UTF8.GetBytes(reason)])),
        (1, Gen.Byte.Array[2, 125]));

    private static readonly Gen<ClientFrame> s_text1 = s_text.Select(payload => new ClientFrame(ClientFrames.Fin | ServerFrame.Text, payload));

    /// <summary>A text compressed in one of the ways that there are, some with blocks that are the last of a stream.</summary>
    private static readonly Gen<byte[]> s_deflated = Gen.Select(s_text, Gen.Int[0, 9], Gen.OneOf(Enum.GetValues<ZLibCompressionStrategy>()), Gen.OneOf(0, 0, 0, 1, 2, 3),
        (text, level, strategy, form) => form switch
        {
            1 => [.. ClientFrames.Deflate(text, level, strategy, isLast: true), 0],
            2 => ClientFrames.Deflate(text, level, strategy, isLast: true),
            3 => [.. ClientFrames.Deflate(text.AsSpan(0, text.Length / 2), level, strategy, isLast: true), .. ClientFrames.Deflate(text.AsSpan(text.Length / 2), level, strategy, isLast: false)],
            _ => ClientFrames.Deflate(text, level, strategy, isLast: false),
        });

    private static readonly Gen<ClientFrame> s_compressed = Gen.Frequency(
        (6, s_deflated),
        (4, s_deflated.SelectMany(Cut)),
        (2, Gen.Select(s_deflated, Gen.Int[0, 1 << 20], Gen.Byte, Change)),
        (1, Gen.Select(s_deflated, s_garbage, (data, more) => (byte[])[.. data, .. more])),
        (1, Gen.Int[1_000_000, 1_100_000].Select(length => ClientFrames.Deflate(new byte[length], 1, ZLibCompressionStrategy.Default, isLast: false))), // zeros, about as many as a message may have
        (2, s_garbage))
        .Select(data => new ClientFrame(ClientFrames.Fin | ClientFrames.Rsv1 | ServerFrame.Text, data));

    private static readonly Gen<ClientFrame> s_control = Gen.Frequency(
        (4, Gen.Byte.Array[0, 125].Select(data => new ClientFrame(ClientFrames.Fin | ServerFrame.Ping, data))),
        (2, Gen.Byte.Array[0, 125].Select(data => new ClientFrame(ClientFrames.Fin | ServerFrame.Pong, data))),
        (1, s_closePayload.Select(data => new ClientFrame(ClientFrames.Fin | ServerFrame.Close, data))));

    private static readonly Gen<ClientFrame> s_odd = Gen.Select(Gen.Byte, s_garbage, Gen.OneOf(0, 0, 0, 1, 2, 8), Gen.Bool, Gen.UInt,
        Gen.Frequency((4, Gen.Const((ulong?)null)), (1, Gen.ULong.Select(n => (ulong?)n)), (1, Gen.OneOf<ulong?>(0, 125, 126, 65_535, 65_536, 1 << 20, (1 << 20) + 1, int.MaxValue, 1UL << 63))),
        (first, payload, form, masked, key, claim) => new ClientFrame(first, payload) { LengthForm = form, Masked = masked, Key = key, Claim = claim });

    private static readonly Gen<ClientFrame[]> s_fragments = Gen.Select(Gen.OneOf(s_text1, s_text1, s_compressed), Gen.Int[1, 5], Gen.Int[0, 3], s_control, Split);

    private static readonly Gen<ClientFrame[]> s_some = Gen.Frequency(
        (8, Alone(s_text1)), (4, Alone(s_control)), (4, s_fragments), (2, Alone(s_compressed)),
        (1, Alone(s_odd)), (1, Alone(s_garbage.Select(data => new ClientFrame(ClientFrames.Fin | ServerFrame.Binary, data)))));

    public static readonly Gen<FuzzCase> All = Gen.Frequency(
        (8, s_some.Array[1, 6].Select(parts => Encode(parts))),
        (2, Gen.Select(s_some.Array[1, 6].Select(parts => Encode(parts)), Gen.Int[0, 1 << 20], Gen.Byte, (bytes, at, with) => Change(bytes, at, with))),
        (1, s_some.Array[1, 6].Select(parts => Encode(parts)).SelectMany(Cut)),
        (1, Gen.Byte.Array[1, 300]))
        .Select(Gen.OneOf(false, false, true), Gen.OneOf(0, 0, 0, 1, 7, 1000), Gen.Bool, (bytes, compression, piece, reset) =>
            (FuzzCase)new FrameCase(bytes, compression, bytes.Length > 2000 && piece < 1000 ? 0 : piece, reset));

    private static Gen<ClientFrame[]> Alone(Gen<ClientFrame> frame) => frame.Select(one => (ClientFrame[])[one]);

    private static Gen<byte[]> Cut(byte[] bytes) => Gen.Int[0, bytes.Length].Select(length => bytes[..length]);

    private static byte[] Encode(ClientFrame[][] parts) => [.. parts.SelectMany(part => part).SelectMany(frame => frame.Encode())];

    private static byte[] Change(byte[] bytes, int at, byte with)
    {
        if (bytes.Length > 0)
            bytes[at % Math.Min(bytes.Length, 60)] = with;
        return bytes;
    }

    private static ClientFrame[] Split(ClientFrame frame, int pieces, int controls, ClientFrame control)
    {
        var all = new List<ClientFrame>();
        var size = frame.Payload.Length / pieces + 1; // also through the middle of a character
        for (int i = 0, at = 0; i < pieces; i++, at += size)
        {
            var payload = frame.Payload[Math.Min(at, frame.Payload.Length)..Math.Min(at + size, frame.Payload.Length)];
            var first = (i == 0 ? frame.First & ~ClientFrames.Fin : 0) | (i == pieces - 1 ? ClientFrames.Fin : 0);
            all.Add(new ClientFrame(first, payload) { Key = (uint)(i * 0x01020304) });
            if (i < controls)
                all.Add(control);
        }
        return [.. all];
    }
}

/// <summary>Bytes after an upgrade.</summary>
internal sealed class FrameCase(byte[] bytes, bool compression, int piece, bool reset) : FuzzCase
{
    private const string Sentinel = "sentinel";

    public override async Task Run(FuzzTarget target)
    {
        var model = new FrameModel(bytes, compression);
        using var client = await RawClient.Open(target, compression);
        await client.SendSplit(bytes, piece);
        // Behind a message that is cut nothing can be said, and the end must be taken for the end.
        if (model.IsCut || model.Ends)
            client.Finish();
        else
            await client.SendText(ClientFrames.Ping(Sentinel));
        if (!model.Ends && model.IsCut && reset)
        {
            client.Close(reset: true);
            return;
        }

        var answers = 0;
        var pong = false;
        int? code = null;
        while (code is null && !pong && await client.Frame() is { } frame)
        {
            switch (frame.Opcode)
            {
                case ServerFrame.Close:
                    code = frame.Code;
                    break;
                case ServerFrame.Pong when !model.Pings.Any(ping => ping.AsSpan().SequenceEqual(frame.Payload)):
                    throw new FuzzFailure($"a pong carries what no ping did: {Convert.ToHexString(frame.Payload)}");
                case ServerFrame.Text when Answers.Check(frame.AsText, target.User) is { } id:
                    pong = id == Sentinel;
                    if (!pong)
                        answers++;
                    break;
            }
        }

        if (model.Ends)
        {
            if (pong || (code is { } given && !model.Codes.Contains(given)) || (code is null && !client.WasReset))
                throw new FuzzFailure($"expected a close with {string.Join(" or ", model.Codes)}, got {code?.ToString() ?? (pong ? "an answer" : "the end")}");
            if (!client.WasReset && answers != model.Texts.Count)
                throw new FuzzFailure($"{model.Texts.Count} messages came before the fault ({code}), and {answers} were answered");
        }
        else if (!model.IsCut)
        {
            if (!pong)
                throw new FuzzFailure($"a connection that broke no rule ended with {code?.ToString() ?? "nothing"}");
            if (answers != model.Texts.Count)
                throw new FuzzFailure($"{model.Texts.Count} messages got {answers} answers");
        }
        if (code is not null)
        {
            client.Finish();
            await client.ReadToEnd();
        }
        client.Close(reset);
    }

    public override string ToString() =>
        $"{(compression ? "compressed, " : "")}pieces of {piece}, {bytes.Length} bytes: {Convert.ToHexString(bytes.AsSpan(0, Math.Min(bytes.Length, 400)))}";
}
