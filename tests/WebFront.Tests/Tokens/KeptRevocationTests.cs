using Orleans.TestingHost;
using Realtime.Grains;

namespace Realtime.WebFront.Tests.Tokens;

/// <summary>Revocations outlast the end of all processes where the log of rooms does, here in a file of SQLite.</summary>
[Collection(ClusterCollection.Name)]
public sealed class KeptRevocationTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("realtime-revocations-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task What_was_revoked_is_so_after_a_restart_and_what_was_lifted_is_not()
    {
        await using (var silo = await Start())
        {
            var revocations = silo.Client.GetGrain<IRevocationGrain>(IRevocationGrain.Key);
            await Task.WhenAll(Enumerable.Range(0, 20).Select(i => revocations.BlockUser($"user{i}", TimeSpan.FromHours(1))));
            await revocations.BlockInRoom("lobby", "bob", TimeSpan.FromDays(300));
            await revocations.RevokeTokensOf("carl");
            await revocations.RevokeToken("token", DateTimeOffset.UtcNow.AddHours(1));
            await revocations.UnblockUser("user7");
        }

        await using (var silo = await Start())
        {
            var revocations = silo.Client.GetGrain<IRevocationGrain>(IRevocationGrain.Key);
            var entries = (await revocations.Changes(null, 0)).Entries.ToDictionary(entry => (entry.Kind, entry.Subject, entry.Room));
            Assert.Equal(23, entries.Count);
            for (var i = 0; i < 20; i++)
                Assert.Equal(i == 7, entries[(RevocationKind.User, $"user{i}", null)].IsLifted);
            Assert.InRange(entries[(RevocationKind.Room, "bob", "lobby")].Until, DateTimeOffset.UtcNow.AddDays(299).ToUnixTimeMilliseconds(), DateTimeOffset.UtcNow.AddDays(300).ToUnixTimeMilliseconds());
            Assert.InRange(entries[(RevocationKind.TokensOf, "carl", null)].IssuedUntil, 1, DateTimeOffset.UtcNow.ToUnixTimeSeconds());
            Assert.False(entries[(RevocationKind.Token, "token", null)].IsLifted);
            await using var front = await Front.Start(silo.Client, null, []);
            await using (await front.Connect("user7"))
                await Assert.ThrowsAnyAsync<Exception>(() => front.Connect("user8"));
            await revocations.UnblockUser("user8");
        }

        await using (var silo = await Start())
        await using (var front = await Front.Start(silo.Client, null, []))
        await using (await front.Connect("user8"))
            Assert.True((await silo.Client.GetGrain<IRevocationGrain>(IRevocationGrain.Key).Changes(null, 0)).Entries.Single(entry => entry.Subject == "user8").IsLifted);
    }

    private Task<InProcessTestCluster> Start() => FileSilo.Start(_folder);
}
