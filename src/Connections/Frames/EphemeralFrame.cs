namespace Realtime.Connections.Frames;

/// <summary>Messages that give way first where they have to wait, each by itself, and nobody is told: see <see cref="FrameBuilder.BuildEphemeral"/>.</summary>
internal sealed class EphemeralFrame : Frame
{
    /// <summary>One message.</summary>
    /// <param name="bytes">As they go over the wire.</param>
    /// <param name="key">A newer message of the same key takes its place; empty for none.</param>
    public EphemeralFrame(byte[] bytes, string key)
        : base(bytes, 1)
    {
        Key = key;
        Parts = [this];
    }

    /// <summary>Several messages in one buffer.</summary>
    public EphemeralFrame(byte[] bytes, EphemeralFrame[] parts)
        : base(bytes, parts.Length)
    {
        Key = "";
        Parts = parts;
    }

    public string Key { get; }

    /// <summary>The messages, each as a frame of its own.</summary>
    public EphemeralFrame[] Parts { get; }
}
