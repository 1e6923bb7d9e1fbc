namespace Realtime.WebFront.Security;

/// <summary>
/// A file of keys, compared by its content: that also sees a change within the clock's grain, and a mounted secret whose
/// folder is swapped behind symbolic links, where time stamps and file events see nothing.
/// </summary>
internal sealed class JwksFile(string path)
{
    // Bytes. A hundred large RSA keys with certificates fit.
    private const int MaxSize = 1024 * 1024;

    private byte[]? _last;

    public string Path { get; } = path;

    /// <summary>Says at start why it cannot be used; null when it can.</summary>
    public string? Problem()
    {
        try
        {
            // An empty set that comes later takes all keys away; a start with one would let nobody in.
            return JwksReader.Read(Read()).Keys.Count > 0 ? null : Unusable("it has no key that can be used");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidKeyException)
        {
            return Unusable(e.Message);
        }

        string Unusable(string why) => $"{BearerOptions.Section}:{nameof(BearerOptions.JwksFile)} is '{Path}', which cannot be used: {why}";
    }

    /// <summary>The content when it is another than the last time, good or bad; else null.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read, or is a folder.</exception>
    /// <exception cref="InvalidKeyException">The file is too large.</exception>
    public byte[]? ReadIfChanged()
    {
        var content = Read();
        if (_last is not null && content.AsSpan().SequenceEqual(_last))
            return null;
        return _last = content;
    }

    private byte[] Read()
    {
        using var file = File.Open(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        // One byte more tells a file that is too large, also one without a length.
        var buffer = new byte[Math.Min(file.Length, MaxSize) + 1];
        var size = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        return size > MaxSize ? throw new InvalidKeyException($"it is larger than {MaxSize} bytes") : buffer[..size];
    }
}
