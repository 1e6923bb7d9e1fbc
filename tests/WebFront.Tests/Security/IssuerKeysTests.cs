using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Tests.Security;

/// <summary>Keys that come from the issuer, by the address of its key set or by its metadata.</summary>
public class IssuerKeysTests
{
    private const string UnknownKey = "The token's key id is unknown.";
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(30);

    private readonly Issuer _old = Issuer.Es256("old");
    private readonly Issuer _new = Issuer.Rs256("new");

    private static Task<TestFront> StartAsync(string address, bool discovery = false, params Issuer[] configured)
    {
        var settings = TestFront.Trusting(configured);
        settings["Authentication:Schemes:Bearer:RequireHttpsMetadata"] = "false";
        settings[$"Authentication:Schemes:Bearer:{(discovery ? "Authority" : "JwksUrl")}"] = discovery ? address : $"{address}/keys";
        if (discovery)
            settings.Remove("Authentication:Schemes:Bearer:ValidIssuer");
        return TestFront.StartAsync(settings: settings);
    }

    private static async Task<string> TryAsync(TestFront front, Issuer issuer)
    {
        var answer = await front.GetAsync("/who", issuer.Token(TimeProvider.System));
        return answer.Status == HttpStatusCode.OK ? answer.Body : answer.Detail!;
    }

    // The keys are read in the background, so it is asked until they are there.
    private static async Task UntilAsync(string expected, TestFront front, Issuer issuer)
    {
        using var bound = new CancellationTokenSource(s_bound);
        string last;
        while ((last = await TryAsync(front, issuer)) != expected)
        {
            Assert.False(bound.IsCancellationRequested, last);
            await Task.Delay(50);
        }
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task Keys_rotate_without_a_restart(bool discovery)
    {
        await using var server = await IssuerServer.StartAsync(Issuer.Jwks(_old));
        await using var front = await StartAsync(server.Address, discovery);
        Assert.Equal("alice", await TryAsync(front, _old));

        server.Jwks = Issuer.Jwks(_new);
        await UntilAsync("alice", front, _new);
        Assert.Equal(UnknownKey, await TryAsync(front, _old));
        Assert.Contains(front.Log.Lines, line => line.Contains($"Tokens are verified with the keys of {server.Address}") && line.Contains(": new RS256"));
    }

    [Fact]
    public async Task Metadata_name_the_issuer()
    {
        await using var server = await IssuerServer.StartAsync(Issuer.Jwks(_old));
        await using var front = await StartAsync(server.Address, discovery: true);
        var answer = await front.GetAsync("/who", _old.Token(TimeProvider.System, ("iss", "https://other.example")));
        Assert.Equal("The token is from another issuer (iss).", answer.Detail);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task An_issuer_that_is_away_at_the_start_is_asked_again(bool discovery)
    {
        var away = await IssuerServer.StartAsync(null);
        var port = new Uri(away.Address).Port;
        await away.DisposeAsync();

        await using var front = await StartAsync($"http://127.0.0.1:{port}", discovery);
        var answer = await front.GetAsync("/who", _old.Token(TimeProvider.System));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "unavailable", null), (answer.Status, answer.Code, answer.Challenge));
        Assert.Equal("The keys of the tokens' issuer could not be read yet; try again.", answer.Detail);
        Assert.Contains(front.Log.Lines, line => line.StartsWith("Warning Realtime") && line.Contains("could not be read: ") && !line.Contains("IDX"));

        await using var back = await IssuerServer.StartAsync(Issuer.Jwks(_old), port);
        await UntilAsync("alice", front, _old);
    }

    [Fact]
    public async Task Keys_of_the_configuration_count_while_the_issuer_is_away()
    {
        await using var server = await IssuerServer.StartAsync(null);
        await using var front = await StartAsync(server.Address, false, _new);

        Assert.Equal("alice", await TryAsync(front, _new));
        Assert.Equal("The keys of the tokens' issuer could not be read yet; try again.", await TryAsync(front, _old));
        Assert.Contains(front.Log.Lines, line => line.Contains("could not be read: its answer has the status 503"));
    }

    [Theory]
    [InlineData(null, "its answer has the status 503")]
    [InlineData("{\"keys\":[{}]}", "it has no key that can be used")]
    [InlineData("<html>", "it is not a JSON object with each name once")]
    [InlineData("", "it is not a JSON object with each name once")]
    public async Task Keys_that_cannot_be_read_leave_the_ones_before(string? broken, string why)
    {
        await using var server = await IssuerServer.StartAsync(Issuer.Jwks(_old));
        await using var front = await StartAsync(server.Address);
        Assert.Equal("alice", await TryAsync(front, _old));

        server.Jwks = broken;
        Assert.Equal(UnknownKey, await TryAsync(front, _new)); // causes the read
        await front.Log.WaitAsync(line => line.Contains($"could not be read: {why}", StringComparison.Ordinal) && line.Contains("It is tried again; keys read before stay in use", StringComparison.Ordinal), s_bound);
        Assert.Equal("alice", await TryAsync(front, _old));
    }

    [Fact]
    public async Task An_issuer_that_publishes_no_key_any_more_has_taken_them_away()
    {
        await using var server = await IssuerServer.StartAsync(Issuer.Jwks(_old));
        await using var front = await StartAsync(server.Address);
        Assert.Equal("alice", await TryAsync(front, _old));
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        front.Services.GetRequiredService<SigningKeys>().KeysGone += () => gone.TrySetResult();
        server.Jwks = Issuer.Jwks();
        Assert.Equal(UnknownKey, await TryAsync(front, _new)); // causes the read
        await gone.Task.WaitAsync(s_bound); // nobody asks meanwhile
        Assert.Equal("This server has no keys to verify tokens with.", await TryAsync(front, _old));
    }

    [Fact]
    public async Task Unknown_key_ids_cause_one_read_and_no_storm()
    {
        await using var server = await IssuerServer.StartAsync(Issuer.Jwks(_old));
        await using var front = await StartAsync(server.Address);
        Assert.Equal("alice", await TryAsync(front, _old));
        Assert.Equal(1, server.Reads);

        await Parallel.ForAsync(0, 200, async (i, _) =>
            Assert.Equal(UnknownKey, (await front.GetAsync("/who", _new.Sign(Issuer.Claims(TimeProvider.System).ToJsonString(), $$"""{"alg":"RS256","kid":"{{i}}"}"""))).Detail));
        await UntilReadAsync(server, 2);
        for (var i = 0; i < 50; i++)
            Assert.Equal(UnknownKey, await TryAsync(front, _new));
        Assert.Equal(2, server.Reads); // the next is not before 30 seconds
    }

    private static async Task UntilReadAsync(IssuerServer server, int reads)
    {
        using var bound = new CancellationTokenSource(s_bound);
        while (server.Reads < reads)
            await Task.Delay(20, bound.Token);
    }

    [Fact]
    public async Task All_that_come_while_the_keys_are_read_first_share_that_read()
    {
        await using var server = await IssuerServer.StartAsync(Issuer.Jwks(_old));
        var held = server.Held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var front = await StartAsync(server.Address);
        var answers = Enumerable.Range(0, 20).Select(_ => TryAsync(front, _old)).ToArray();
        await UntilReadAsync(server, 1);
        held.SetResult();

        Assert.All(await Task.WhenAll(answers).WaitAsync(s_bound), answer => Assert.Equal("alice", answer));
        Assert.Equal(1, server.Reads);
    }

    // What an issuer publishes for others is not for us.
    [Fact]
    public async Task Keys_of_other_kinds_are_left_out()
    {
        await using var server = await IssuerServer.StartAsync($$"""{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA","kid":"ed"},{{_old.Jwk}}]}""");
        await using var front = await StartAsync(server.Address, discovery: true);
        Assert.Equal("alice", await TryAsync(front, _old));
        Assert.Contains(front.Log.Lines, line => line.Contains("key 0 is left out: its type (kty) must be oct, RSA or EC"));
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_plain_address_is_for_tests_only(bool discovery)
    {
        var settings = TestFront.Trusting();
        settings[$"Authentication:Schemes:Bearer:{(discovery ? "Authority" : "JwksUrl")}"] = "http://127.0.0.1:1/x";
        var failure = await Assert.ThrowsAsync<Microsoft.Extensions.Options.OptionsValidationException>(() => TestFront.StartAsync(settings: settings));
        Assert.EndsWith("is 'http://127.0.0.1:1/x'; it must be an address that starts with https://.", failure.Message);
    }
}
