using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Orleans;
using Realtime.Server;
using Realtime.WebFront.Security;
using Realtime.WebFront.Tests.Security;

namespace Realtime.WebFront.Tests.Access;

/// <summary>A front outside Development, where access is what a test chooses, and an issuer of tokens for it.</summary>
internal sealed class AccessFront : IAsyncDisposable
{
    private readonly List<TestClient> _clients = [];

    private AccessFront(Front front, Issuer issuer) => (Front, Issuer) = (front, issuer);

    public Front Front { get; }

    public Issuer Issuer { get; }

    public static Task<AccessFront> Start(Cluster cluster, params (string Key, string Value)[] settings) => Start(cluster, null, settings);

    public static Task<AccessFront> Start(Cluster cluster, Action<WebApplicationBuilder>? build, params (string Key, string Value)[] settings) =>
        Start(cluster.Client, build, settings);

    public static async Task<AccessFront> Start(IClusterClient client, Action<WebApplicationBuilder>? build, params (string Key, string Value)[] settings)
    {
        var issuer = Issuer.Hs256();
        var all = TestFront.Trusting(issuer).Where(setting => setting.Value is not null).Select(setting => (setting.Key, setting.Value!));
        return new AccessFront(await Front.Start(client, null, [.. all.Append(("Rooms:Open", "false")).Concat(settings).GroupBy(setting => setting.Item1).Select(same => same.Last())], "Production", app =>
        {
            app.MapRealtime();
            app.MapMetrics(RealtimePolicies.Read);
        }, build), issuer);
    }

    /// <summary>A client with a token of its own.</summary>
    public async Task<TestClient> Connect(string user, params (string Name, JsonNode? Value)[] claims)
    {
        var token = Issuer.Token(TimeProvider.System, [("sub", user), .. claims]);
        var client = await TestClient.Connect(new Uri($"ws://{Front.Address.Authority}/ws"), options => options.SetRequestHeader("Authorization", $"Bearer {token}"));
        _clients.Add(client);
        Assert.Empty(await client.Drain());
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
            await client.DisposeAsync();
        await Front.DisposeAsync();
    }
}

/// <summary>What clients ask, and how it ends: the type of the answer, or the code of an error.</summary>
internal static class Asking
{
    public static Task<string> TryJoin(this TestClient client, string room) => client.Try(new() { ["type"] = "join", ["room"] = room });

    public static Task<string> TryPublish(this TestClient client, string room) => client.Try(new() { ["type"] = "message", ["room"] = room, ["content"] = "hi" });

    public static Task<string> TryHistory(this TestClient client, string room) => client.Try(new() { ["type"] = "history", ["room"] = room });

    public static Task<string> TryMembers(this TestClient client, string room) => client.Try(new() { ["type"] = "members", ["room"] = room });

    public static Task<string> TryDirect(this TestClient client, string user) => client.Try(new() { ["type"] = "message", ["to"] = user, ["content"] = "hi" });

    /// <summary>Asks until it is so, for what has no event.</summary>
    public static async Task Until(Func<Task<bool>> isSo)
    {
        using var bound = new CancellationTokenSource(TestClient.Bound);
        while (!await isSo())
            await Task.Delay(20, bound.Token);
    }

    public static async Task<string> Try(this TestClient client, JsonObject frame)
    {
        var answer = await client.Ask(frame);
        return (string?)answer["code"] ?? (string)answer["type"]!;
    }
}
