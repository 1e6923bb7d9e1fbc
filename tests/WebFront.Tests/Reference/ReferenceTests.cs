using System.Text.Json.Nodes;
using Realtime.WebFront.Tests.Protocol;

namespace Realtime.WebFront.Tests.Reference;

/// <summary>The pages of docs/reference are written from the code, by these tests when REALTIME_WRITE_REFERENCE is set, and are what it says now.</summary>
public sealed class ReferenceTests
{
    private const string Again = "REALTIME_WRITE_REFERENCE=1 artifacts/bin/WebFront.Tests/release/Realtime.WebFront.Tests -class '*ReferenceTests'";

    [Fact]
    public void The_page_of_settings_is_current() => Check("settings.md", $"""
        # Settings

        All of them, with their defaults and what they may be. [Configuration](../configuration.md) tells what they are for, and how a process takes them: a setting of the section `Front` is
        `Front:CallTimeout` on the command line, `Front__CallTimeout` in the environment. A time is written as `hh:mm:ss` or `d.hh:mm:ss`, and an entry of a list by its number (`:0:`).
        What a default depends on other settings for, [Configuration](../configuration.md) says. Written from the code: `{Again}`.

        """ + SettingsReference.Write());

    [Fact]
    public void The_page_of_the_HTTP_API_is_current()
    {
        using var stream = typeof(RealtimeFrontExtensions).Assembly.GetManifestResourceStream("openapi.json")!;
        Check("http.md", $"""
            # HTTP API

            Of a front, as `/openapi/v1.json` has it for programs. [The wire](../protocol.md#http-api) tells the same in short. A field with `?` may be absent.
            Written from the code: `{Again}`.


            """ + new HttpReference(JsonNode.Parse(stream)!.AsObject()).Write());
    }

    [Fact]
    public void Every_setting_has_a_comment() =>
        Assert.DoesNotContain(SettingsReference.Write().Split('\n'), line => line.StartsWith("| `", StringComparison.Ordinal) && line.EndsWith("|  |", StringComparison.Ordinal));

    private static void Check(string name, string text)
    {
        var file = Path.Combine(FrameDocsTests.Repository(), "docs", "reference", name);
        if (Environment.GetEnvironmentVariable("REALTIME_WRITE_REFERENCE") is "1")
            File.WriteAllText(file, text);
        Assert.True(File.Exists(file) && File.ReadAllText(file) == text, $"docs/reference/{name} is not what the code says. This writes it: {Again}");
    }
}
