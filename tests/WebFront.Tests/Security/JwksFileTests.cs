using Microsoft.Extensions.Options;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Tests.Security;

/// <summary>Keys from a file, which changes while the server runs.</summary>
public sealed class JwksFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("realtime-jwks-").FullName;
    private readonly ManualTimeProvider _time = ManualTimeProvider.At(1_800_000_000);
    private readonly Issuer _old = Issuer.Es256("old");
    private readonly Issuer _new = Issuer.Rs256("new");

    private string JwksPath => Path.Combine(_folder, "jwks.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Task<TestFront> StartAsync(params Issuer[] configured)
    {
        var settings = TestFront.Trusting(configured);
        settings["Authentication:Schemes:Bearer:JwksFile"] = JwksPath;
        return TestFront.StartAsync(settings: settings, time: _time);
    }

    private void Write(string content)
    {
        File.WriteAllText(JwksPath, content);
        Tick();
    }

    private void Tick() => _time.Advance(SigningKeys.RefreshInterval);

    private async Task<string> TryAsync(TestFront front, Issuer issuer)
    {
        var answer = await front.GetAsync("/who", issuer.Token(_time));
        return answer.Challenge is null ? answer.Body : answer.Detail!;
    }

    [Fact]
    public async Task Keys_rotate_without_a_restart()
    {
        File.WriteAllText(JwksPath, Issuer.Jwks(_old));
        await using var front = await StartAsync();
        Assert.Equal("alice", await TryAsync(front, _old));
        Assert.Equal("The token's key id is unknown.", await TryAsync(front, _new));

        Write(Issuer.Jwks(_old, _new));
        Assert.Equal("alice", await TryAsync(front, _old));
        Assert.Equal("alice", await TryAsync(front, _new));

        Write(Issuer.Jwks(_new));
        Assert.Equal("The token's key id is unknown.", await TryAsync(front, _old));
        Assert.Equal("alice", await TryAsync(front, _new));

        string[] logged = [.. front.Log.Lines.Where(l => l.Contains("Tokens are verified with"))];
        Assert.Equal(3, logged.Length);
        Assert.EndsWith("old ES256, new RS256 ", logged[1]);
    }

    [Theory]
    [InlineData("{\"keys\":[{\"kty\":\"EC\"", "it is not a JSON object with each name once")] // half written
    [InlineData("", "it is not a JSON object with each name once")]
    [InlineData("{\"keys\":[{}]}", "it has no key that can be used; key 0 is left out: its type (kty) must be oct, RSA or EC")]
    public async Task A_broken_new_file_is_logged_once_and_the_old_keys_stay(string broken, string why)
    {
        File.WriteAllText(JwksPath, Issuer.Jwks(_old));
        await using var front = await StartAsync();

        Write(broken);
        Tick();
        Tick();
        Assert.Equal("alice", await TryAsync(front, _old));
        var warning = Assert.Single(front.Log.Lines, l => l.StartsWith("Warning Realtime"));
        Assert.Contains($"{JwksPath} cannot be used: {why}. The keys before stay in use: old ES256", warning);

        Write(Issuer.Jwks(_new));
        Assert.Equal("alice", await TryAsync(front, _new));
    }

    [Fact]
    public async Task An_empty_set_takes_all_keys_away()
    {
        File.WriteAllText(JwksPath, Issuer.Jwks(_old));
        await using var front = await StartAsync();
        Write("""{"keys":[]}""");
        Assert.Equal("This server has no keys to verify tokens with.", await TryAsync(front, _old));
        Assert.Contains(front.Log.Lines, line => line.Contains("All keys were taken away", StringComparison.Ordinal));
        Write(Issuer.Jwks(_old));
        Assert.Equal("alice", await TryAsync(front, _old));
    }

    [Fact]
    public async Task A_start_with_an_empty_set_fails()
    {
        File.WriteAllText(JwksPath, """{"keys":[]}""");
        Assert.Contains("it has no key that can be used", (await Assert.ThrowsAsync<OptionsValidationException>(() => StartAsync())).Message);
    }

    [Fact]
    public async Task A_file_that_goes_away_and_comes_back_is_fine()
    {
        File.WriteAllText(JwksPath, Issuer.Jwks(_old));
        await using var front = await StartAsync();

        File.Delete(JwksPath);
        Tick();
        Tick();
        Assert.Equal("alice", await TryAsync(front, _old));
        Assert.Single(front.Log.Lines, l => l.StartsWith("Warning Realtime"));

        Write(Issuer.Jwks(_new));
        Assert.Equal("alice", await TryAsync(front, _new));
    }

    [Fact]
    public async Task A_file_that_grows_too_large_is_left_alone()
    {
        File.WriteAllText(JwksPath, Issuer.Jwks(_old));
        await using var front = await StartAsync();

        Write(Issuer.Jwks(_new) + new string(' ', 1024 * 1024));
        Assert.Equal("alice", await TryAsync(front, _old));
        Assert.Contains(front.Log.Lines, l => l.Contains("it is larger than 1048576 bytes"));
    }

    // How Kubernetes changes a mounted secret: the file's time stamp and its link stay the same.
    [Fact]
    public async Task A_folder_swapped_behind_links_is_seen()
    {
        void Data(string name, Issuer issuer)
        {
            Directory.CreateDirectory(Path.Combine(_folder, name));
            var file = Path.Combine(_folder, name, "jwks.json");
            File.WriteAllText(file, Issuer.Jwks(issuer));
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch);
        }

        Data("one", _old);
        Data("two", _new);
        var link = Path.Combine(_folder, "data");
        File.CreateSymbolicLink(link, "one");
        File.CreateSymbolicLink(JwksPath, Path.Combine("data", "jwks.json"));
        await using var front = await StartAsync();
        Assert.Equal("alice", await TryAsync(front, _old));

        File.Delete(link);
        File.CreateSymbolicLink(link, "two");
        Tick();
        Assert.Equal("alice", await TryAsync(front, _new));
    }

    [Fact]
    public async Task Keys_of_the_file_and_of_the_configuration_count_together()
    {
        var configured = Issuer.Hs256("configured");
        File.WriteAllText(JwksPath, Issuer.Jwks(_old));
        await using var front = await StartAsync(configured);
        Write(Issuer.Jwks(_new));

        Assert.Equal("alice", await TryAsync(front, configured));
        Assert.Equal("alice", await TryAsync(front, _new));
    }

    [Fact]
    public async Task A_key_that_cannot_be_used_is_logged()
    {
        File.WriteAllText(JwksPath, $$"""{"keys":[{{_old.Jwk}},{"kty":"OKP"}]}""");
        await using var front = await StartAsync();
        Assert.Contains(front.Log.Lines, l => l.StartsWith("Warning") && l.Contains("key 1 is left out: its type (kty) must be oct, RSA or EC"));
    }

    [Theory]
    [InlineData(null, "Could not find file")]
    [InlineData("{}", "it is no JSON Web Key Set: the array 'keys' is missing (RFC 7517 section 5)")]
    public async Task A_start_with_a_file_that_cannot_be_used_fails(string? content, string why)
    {
        if (content is not null)
            File.WriteAllText(JwksPath, content);

        var failure = (await Assert.ThrowsAsync<OptionsValidationException>(() => StartAsync())).Message;
        Assert.StartsWith($"Authentication:Schemes:Bearer:JwksFile is '{JwksPath}', which cannot be used: {why}", failure);
    }
}
