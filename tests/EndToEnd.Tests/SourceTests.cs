namespace Realtime.EndToEnd.Tests;

/// <summary>What holds of the sources' files as such.</summary>
public sealed class SourceTests
{
    private const int MaxLines = 400;

    private static readonly string s_root = ScriptFolder.Repository();

    [Fact]
    public void No_source_file_is_longer_than_a_reader_takes_in_at_once()
    {
        string[] endings = [".cs", ".js", ".css"];
        var files = new[] { "src", "clients" }.SelectMany(folder => Markdown.Folders(Path.Combine(s_root, folder))).Where(folder => Path.GetFileName(folder) != "test").SelectMany(Directory.EnumerateFiles).Where(file => endings.Contains(Path.GetExtension(file)))
            .Select(file => (Name: Path.GetRelativePath(s_root, file), Lines: File.ReadLines(file).Count())).ToArray();
        Assert.Contains(files, file => file is { Name: "src/Silo/Rooms/Room.cs", Lines: > 100 });
        Assert.DoesNotContain(files, file => file.Lines > MaxLines);
    }
}
