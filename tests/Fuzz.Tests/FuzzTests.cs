namespace Realtime.Fuzz.Tests;

/// <summary>No input ends the process, and one client harms nobody: generated input of four kinds, beside clients that keep to the rules.</summary>
public class FuzzTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Whatever_clients_send_the_server_lives_and_serves_the_others()
    {
        var settings = FuzzSettings.Read();
        await using var server = await FuzzServer.Start();

        var failures = await new FuzzRun(settings, server, Write).Run();

        Assert.True(failures.Count == 0,
            $"{failures.Count} failures with REALTIME_FUZZ_SEED={settings.Seed}; one alone again: REALTIME_FUZZ_ONLY=json:7 (its kind and number)\n\n{failures}");
    }

    /// <summary>To the test's output, and to whoever watches a long run.</summary>
    private void Write(string text)
    {
        output.WriteLine(text);
        Console.WriteLine(text);
    }
}
