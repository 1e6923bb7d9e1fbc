using System.Text.Json.Nodes;
using Orleans.TestingHost;

namespace Realtime.WebFront.Tests;

/// <summary>Inboxes of everybody (<c>Inbox:Mode</c> = <c>all</c>), which a file of SQLite keeps.</summary>
[Collection(ClusterCollection.Name)]
public sealed class KeptInboxTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("realtime-inbox-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task What_is_sent_to_who_was_never_there_is_in_the_inbox_after_a_restart()
    {
        string epoch;
        await using (var silo = await Start())
        await using (var front = await Front.Start(silo.Client, null, []))
        await using (var alice = await front.Connect("alice"))
        {
            var ack = await Send(alice, "m1", "k1");
            Assert.Equal(("ack", 0, 1), ((string?)ack["type"], (int)ack["connections"]!, (int)ack["seq"]!));
            epoch = (string)ack["epoch"]!;
            Assert.Equal(2, (int)(await Send(alice, "m2", "k2"))["seq"]!);
        }

        await using (var silo = await Start())
        await using (var front = await Front.Start(silo.Client, null, []))
        await using (var alice = await front.Connect("alice"))
        await using (var bob = await front.Connect("bob"))
        {
            Assert.Equal(1, (int)(await Send(alice, "m1", "k1"))["seq"]!); // known still
            Assert.Equal(3, (int)(await Send(alice, "m3", "k3"))["seq"]!);
            await bob.Drain();
            var opened = await bob.Ask(new JsonObject { ["type"] = "inbox", ["epoch"] = epoch, ["seq"] = 0 });
            Assert.Equal((true, epoch, 3), ((bool)opened["recovered"]!, (string?)opened["epoch"], (int)opened["seq"]!));
            for (var n = 1; n <= 3; n++)
            {
                var message = await bob.Receive("message");
                Assert.Equal((n, $"m{n}", "alice"), ((int)message["seq"]!, (string?)message["content"], (string?)message["from"]));
            }
        }
    }

    private static Task<JsonObject> Send(TestClient client, string content, string id) =>
        client.Ask(new JsonObject { ["type"] = "message", ["to"] = "bob", ["content"] = content }, id: id);

    private Task<InProcessTestCluster> Start() => FileSilo.Start(_folder, ("Inbox:Mode", "all"));
}
