using Realtime.EmbeddedOrleans.Tests.Conformance;

namespace Realtime.EmbeddedOrleans.Tests.EmbeddedOnly;

/// <summary>Calls of one caller that does not await them.</summary>
public sealed class MigrationOrderTests
{
    [Fact]
    public async Task Calls_that_are_not_awaited_keep_their_order_through_a_move()
    {
        Engine.SkipUnlessEmbedded("messages of Orleans that were forwarded can be overtaken by later ones.");
        await using var cluster = new InProcessTestClusterBuilder(2)
            .ConfigureSilo((_, silo) =>
            {
                silo.AddMemoryGrainStorage("plain");
                silo.Services.AddSingleton<Residents>();
            })
            .Build();
        await cluster.DeployAsync();
        var key = Guid.NewGuid().ToString();
        var grain = cluster.Client.GetGrain<IMovingGrain>(key);
        var number = 0;
        for (var round = 0; round < 50; round++)
        {
            var from = await grain.Where().Soon();
            var moving = cluster.MigrateAsync(grain, cluster.Silos.Select(silo => silo.SiloAddress).First(silo => !silo.Equals(from)));
            var calls = new List<Task>();
            while (!moving.IsCompleted || calls.Count < 100)
            {
                // A new reference looks for the activation anew: it must not find the next one before the calls that wait have moved there.
                calls.Add(cluster.Client.GetGrain<IMovingGrain>(key).Add("one", ++number));
                if (calls.Count % 1000 == 0)
                    await Task.Yield();
            }

            await moving.Soon();
            await Task.WhenAll(calls).Soon();
        }

        Assert.Equal(number, await grain.Count().Soon());
    }
}
