using System.Collections.Concurrent;
using System.Diagnostics;

namespace Realtime.WebFront.Tests.Security;

/// <summary>No token and no secret leaves through a log, a trace or an answer.</summary>
public class TokenSecrecyTests
{
    [Fact]
    public async Task A_token_is_neither_logged_nor_traced_nor_sent_back()
    {
        var tags = new ConcurrentQueue<string>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Microsoft.AspNetCore",
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => tags.Enqueue(activity.DisplayName + string.Join(' ', activity.TagObjects)),
        };
        ActivitySource.AddActivityListener(listener);
        var issuer = Issuer.Hs256("the-key");
        var good = issuer.Token(TimeProvider.System);
        var expired = issuer.Token(TimeProvider.System, ("exp", 1));

        var bodies = new List<string>();
        LogCapture log;
        await using (var front = await TestFront.StartAsync(settings: TestFront.Trusting(issuer)))
        {
            log = front.Log;
            foreach (var token in new[] { good, expired })
            {
                foreach (var answer in new[] { await front.GetAsync($"/who?access_token={token}"), await front.GetAsync($"/who?access_token={token}", null, ("Accept", "text/event-stream")), await front.GetAsync("/who", token), await front.GetAsync($"/who?access_token={token}", token) })
                    bodies.Add($"{answer.Body} {answer.Challenge}");
                await front.ConnectAsync($"?access_token={token}");
            }
        }

        Assert.Contains(log.Lines, line => line.Contains("Tokens are verified with: the-key HS256"));
        Assert.Contains(log.Lines, line => line.Contains("The token has expired."));
        Assert.NotEmpty(tags);
        foreach (var hidden in new[] { good.Split('.')[1], good.Split('.')[2], expired.Split('.')[1], issuer.Secret! })
            Assert.DoesNotContain(log.Lines.Concat(tags).Concat(bodies), line => line.Contains(hidden));
    }
}
