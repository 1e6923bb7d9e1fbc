using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;

namespace Realtime.WebFront.Tests;

/// <summary>The tests that count what all silos of the process do: no other runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection : ICollectionFixture<Cluster>
{
    public const string Name = "alone";
}

/// <summary>The price of a message between processes: one event per front, however many members there are.</summary>
[Collection(AloneCollection.Name)]
public sealed class StreamEventTests(Cluster cluster)
{
    [Fact]
    public async Task One_stream_event_per_front_and_message_for_500_members_on_2_fronts()
    {
        await using var one = await cluster.StartFront();
        await using var two = await cluster.StartFront();
        var room = "room-" + Guid.NewGuid().ToString("N");
        var members = new TestClient[500];
        for (var i = 0; i < members.Length; i++)
        {
            members[i] = await (i % 2 == 0 ? one : two).Connect($"{room}-u{i}");
            await members[i].Join(room);
        }

        const int messages = 20;
        var sender = members[0];
        long events = 0;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, meters) =>
        {
            if (instrument.Name == "realtime.stream.events")
                meters.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
        {
            // Presence is told at its own pace.
            if (tags.Contains(new KeyValuePair<string, object?>("realtime.event.kind", "message")))
                Interlocked.Add(ref events, value);
        });
        listener.Start();

        for (var i = 0; i < messages; i++)
            await sender.Send(new JsonObject { ["type"] = "message", ["room"] = room, ["content"] = $"m{i}" }.ToJsonString());
        foreach (var member in members)
        {
            for (var seq = 1; seq <= messages; seq++)
                Assert.Equal(seq, (long)(await member.Receive("message"))["seq"]!);
        }
        Assert.Equal(2 * messages, Interlocked.Read(ref events));
        foreach (var member in members)
            await member.DisposeAsync();
    }
}
