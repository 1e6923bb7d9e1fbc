using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Realtime.Grains;
using Realtime.WebFront.Operation;
using Realtime.WebFront.Security;
using Realtime.WebFront.Tests.Security;

namespace Realtime.WebFront.Tests.Tokens;

/// <summary>The security log: who connected, was refused or sent away.</summary>
[Collection(ClusterCollection.Name)]
public sealed class SecurityEventsTests(Cluster cluster)
{
    private readonly string _user = $"user-{Guid.NewGuid():N}";
    private readonly LogCapture _log = new();

    private string[] Lines => [.. _log.Lines.Where(line => line.Contains(SecurityEvents.Category, StringComparison.Ordinal))];

    [Fact]
    public async Task It_has_connects_refusals_and_closes_with_user_and_address()
    {
        await using var front = await TokenFront.Start(cluster, builder => builder.Logging.AddProvider(_log), settings: ("Logging:LogLevel:Realtime.Security", "Debug"));
        await using var client = await front.Connect(front.Token(_user));
        Assert.Matches($"^Debug Realtime.Security: User {_user} at 127.0.0.1:\\d+ is connected as .{{22}}\\. $", Assert.Single(Lines));

        using var unknown = await front.Front.Http.GetAsync($"/ws?access_token={front.Token(_user, -3600)}");
        using var call = new HttpRequestMessage(HttpMethod.Get, "/api/rooms") { Headers = { Authorization = new("Bearer", front.Token(_user, -3600)) } };
        using var refused = await front.Front.Http.SendAsync(call);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Matches("^Information Realtime.Security: GET /api/rooms was refused with 401, to user - at 127.0.0.1:\\d+: The token has expired\\. $", Lines[^1]);

        await cluster.Client.GetGrain<IUserGrain>(_user).Disconnect("first line\nInformation Realtime.Security: forged");
        Assert.Null(await client.ReceiveRaw());
        await _log.WaitAsync(line => line.Contains($"User {_user} at 127.0.0.1:", StringComparison.Ordinal) && line.Contains("with 4002: first line?Information Realtime.Security: forged", StringComparison.Ordinal), TestClient.Bound);
    }

    [Fact]
    public async Task A_flood_of_wrong_tokens_is_so_many_lines_and_a_count()
    {
        var clock = new ManualTimeProvider();
        await using var front = await TokenFront.Start(cluster, builder =>
        {
            builder.Logging.AddProvider(_log);
            builder.Services.AddSingleton(provider => new SecurityEvents(provider.GetRequiredService<ILoggerFactory>(), clock, provider.GetRequiredService<RecentErrors>()));
        }, settings: ("Logging:LogLevel:Realtime.Security", "Information"));
        await Flood();
        Assert.Equal(SecurityEvents.MaxLines, Lines.Length);
        clock.Advance(1);
        await _log.WaitAsync(line => line.Contains("30 more requests were refused within a second.", StringComparison.Ordinal), TestClient.Bound);
        await Flood();
        Assert.Equal(2 * SecurityEvents.MaxLines + 1, Lines.Length);

        async Task Flood()
        {
            for (var i = 0; i < SecurityEvents.MaxLines + 30; i++)
            {
                using var call = new HttpRequestMessage(HttpMethod.Get, "/api/rooms") { Headers = { Authorization = new("Bearer", "nonsense") } };
                using var refused = await front.Front.Http.SendAsync(call);
            }
        }
    }
}
