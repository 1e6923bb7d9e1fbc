using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Tests;

/// <summary>How users are found while their connections come and go.</summary>
[Collection(ClusterCollection.Name)]
public sealed class UserTests(Cluster cluster)
{
    private static readonly string s_run = Guid.NewGuid().ToString("N")[..8];

    private Task<UserDescription> Describe(string user) => cluster.Client.GetGrain<IUserGrain>(user).Describe();

    /// <summary>So many users of one partition.</summary>
    private static string[] Neighbours(string name, int count)
    {
        var first = $"{name}-{s_run}";
        return [first, .. Enumerable.Range(0, int.MaxValue).Select(i => $"{first}-{i}")
            .Where(user => IUserPartitionGrain.KeyOf(user) == IUserPartitionGrain.KeyOf(first)).Take(count - 1)];
    }

    private async Task Until(Func<Task<bool>> isSo)
    {
        using var bound = new CancellationTokenSource(TestClient.Bound);
        while (!await isSo())
            await Task.Delay(20, bound.Token);
    }

    [Fact]
    public async Task What_a_connection_sends_to_a_user_comes_in_its_order()
    {
        const int messages = 40;
        await using var front = await Front.Start(cluster.Client, null, []);
        await using var alice = await front.Connect("alice");
        await using var bob = await front.Connect($"bob-{s_run}");
        await bob.Ask(new() { ["type"] = "ping" }); // he can be found
        for (var i = 0; i < messages; i++)
            await alice.Send($$"""{"type":"message","to":"bob-{{s_run}}","content":"{{i}}"}""");
        for (var i = 0; i < messages; i++)
            Assert.Equal($"{i}", (string?)(await bob.Receive("message"))["content"]);
    }

    [Fact]
    public async Task While_users_are_out_of_reach_what_is_sent_to_them_is_answered_together_and_not_one_after_the_other()
    {
        const int messages = 60; // of which each is tried for a second
        await using var front = await Front.Start(UnreachableUsers.Of(cluster.Client), options => options.CallTimeout = TimeSpan.FromSeconds(1), []);
        await using var alice = await front.Connect("alice");
        for (var i = 0; i < messages; i++)
            await alice.Send($$"""{"type":"message","id":"{{i}}","to":"bob","content":"x"}""");
        var answers = new HashSet<string>();
        await Task.Run(async () =>
        {
            while (answers.Count < messages)
            {
                var answer = await alice.Receive("error");
                Assert.Equal("unavailable", (string?)answer["code"]);
                Assert.True(answers.Add((string)answer["id"]!));
            }
        }).WaitAsync(TestClient.Bound);
    }

    [Fact]
    public async Task Users_who_come_while_their_partition_is_told_of_others_are_told_in_one_call()
    {
        var users = Neighbours("crowd", 20);
        var calls = new List<UserChange[]>();
        using var answered = new SemaphoreSlim(0);
        await using var front = await Front.Start(PartitionCalls.Of(cluster.Client, Pass), null, []);
        var first = await TestClient.Connect(Address(front, users[0]));
        await Until(() => Task.FromResult(calls.Count == 1));
        var others = await Task.WhenAll(users[1..].Select(user => TestClient.Connect(Address(front, user))));
        // They are being served, and wait for their users to be told: all that is left is that call.
        await Until(() => Task.FromResult(front.Services.GetRequiredService<ConnectionRegistry>().Connections.Count(connection => connection.State is Session { Partition: not null }) == users.Length));
        answered.Release(int.MaxValue / 2);
        foreach (var client in others.Append(first))
        {
            Assert.Empty(await client.Drain());
            await client.DisposeAsync();
        }
        lock (calls)
        {
            var told = calls.Where(call => call.Any(change => change.ConnectedAt is not null)).ToArray();
            Assert.Equal((2, 1), (told.Length, told[0].Length));
            Assert.InRange(told[1].Length, users.Length - 1, users.Length); // with the first where all are told anew
        }

        async ValueTask<UsersReply> Pass(UserChange[] changes, Func<ValueTask<UsersReply>> call)
        {
            lock (calls)
                calls.Add(changes);
            await answered.WaitAsync();
            return await call();
        }
    }

    [Fact]
    public async Task A_partition_that_has_forgotten_a_front_is_told_anew_of_all_who_are_there()
    {
        var users = Neighbours("lost", 3);
        await using var front = await cluster.StartFront();
        await using var one = await front.Connect(users[0]);
        await using var two = await front.Connect(users[1]);
        await cluster.Client.GetGrain<IUserPartitionGrain>(IUserPartitionGrain.KeyOf(users[0])).Drop(await front.Id());
        Assert.Empty((await Describe(users[0])).Connections);

        await using var three = await front.Connect(users[2]);
        foreach (var user in users)
            await Until(async () => (await Describe(user)).Connections.Length == 1);
    }

    [Fact]
    public async Task What_could_not_be_told_is_told_later()
    {
        var users = Neighbours("gone", 2);
        var failures = 0;
        await using var front = await Front.Start(PartitionCalls.Of(cluster.Client, (changes, call) =>
            Array.Exists(changes, change => change.ConnectedAt is null) && failures++ == 0 ? throw new InvalidOperationException("not this one") : call()), null, []);
        await using var stays = await front.Connect(users[1]);
        await using (await front.Connect(users[0]))
            Assert.Single((await Describe(users[0])).Connections);
        await Until(async () => (await Describe(users[0])).Connections.Length == 0);
        Assert.Equal(1, failures);
        Assert.Single((await Describe(users[1])).Connections);
    }

    private static Uri Address(Front front, string user) => new($"ws://{front.Address.Authority}/ws?user={user}");
}
