using System.Text.Json.Nodes;
using Orleans.TestingHost;

namespace Realtime.WebFront.Tests;

/// <summary>How long inboxes keep messages (<c>Inbox:Age</c>), by a clock that is moved.</summary>
[Collection(ClusterCollection.Name)] // one after another
public sealed class InboxAgeTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("realtime-inbox-");
    private readonly MovedClock _time = new();

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("memory", 7)] // the default
    [InlineData("sqlite", 7)]
    [InlineData("sqlite", 3)]
    public async Task Messages_that_are_too_old_are_gone_and_who_comes_back_from_before_is_told(string log, int days)
    {
        (string, string)[] settings = [("Log:Provider", log), .. days == 7 ? ((string, string)[])[] : [("Inbox:Age", $"{days}.00:00:00")]];
        string epoch;
        await using (var silo = await FileSilo.Start(_folder, _time, settings))
        await using (var front = await Front.Start(silo.Client, null, []))
        {
            await using var alice = await front.Connect("alice");
            await using var stays = await front.Connect("bob");
            epoch = (string)(await Inbox(stays))["epoch"]!;
            Assert.Equal(1, await Send(alice, 1));
            _time.Move(TimeSpan.FromDays(days - 1));
            Assert.Equal(2, await Send(alice, 2));
            await Resumes(front, epoch, since: 0, [1, 2]);

            _time.Move(TimeSpan.FromDays(1) - TimeSpan.FromMinutes(5)); // the machine may be slow
            await Resumes(front, epoch, since: 0, [1, 2]);
            _time.Move(TimeSpan.FromMinutes(10));
            await Resumes(front, epoch, since: 0, null);
            await Resumes(front, epoch, since: 1, [2]);
            _time.Move(TimeSpan.FromDays(days));
            await Resumes(front, epoch, since: 1, null);
            await Resumes(front, epoch, since: 2, []);
            Assert.Equal(3, await Send(alice, 3)); // the numbers go on
            await Resumes(front, epoch, since: 2, [3]);
            for (var n = 1; n <= 3; n++)
                Assert.Equal(n, (int)(await stays.Receive("message"))["seq"]!);
        }
        if (log == "memory")
            return;

        await using (var silo = await FileSilo.Start(_folder, _time, settings))
        await using (var front = await Front.Start(silo.Client, null, []))
        {
            await Resumes(front, epoch, since: 1, null, last: 3);
            await Resumes(front, epoch, since: 2, [3]);
            _time.Move(TimeSpan.FromDays(days) + TimeSpan.FromMinutes(1));
            await Resumes(front, epoch, since: 2, null, last: 3);
            await using var alice = await front.Connect("alice");
            Assert.Equal(4, await Send(alice, 4));
        }
    }

    [Theory]
    [InlineData("Inbox:Age", "00:00:59", "Inbox:Age is 00:00:59; it must be from 00:01:00 to 365.00:00:00.")]
    [InlineData("Inbox:Age", "366.00:00:00", "Inbox:Age is 366.00:00:00; it must be from 00:01:00 to 365.00:00:00.")]
    [InlineData("Inbox:Age", "-7.00:00:00", "Inbox:Age is -7.00:00:00; it must be from 00:01:00 to 365.00:00:00.")]
    [InlineData("Inbox:Age", "a week", "Inbox:Age")]
    [InlineData("Inbox:Messages", "0", "Inbox:Messages is 0; it must be from 1 to 10000.")]
    [InlineData("Inbox:Bytes", "1023", "Inbox:Bytes is 1023; it must be from 1024 to 1073741824.")]
    [InlineData("Inbox:Mode", "some", "Inbox:Mode is 'some'; it must be off, optIn or all.")]
    public async Task Settings_that_are_not_allowed_stop_the_start(string name, string value, string message)
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(() => FileSilo.Start(_folder, (name, value)));
        Assert.Contains(message, error.ToString());
        Assert.Contains(value, error.ToString());
    }

    private static Task<JsonObject> Inbox(TestClient device, string? epoch = null, long seq = 0)
    {
        var frame = new JsonObject { ["type"] = "inbox" };
        if (epoch is not null)
            (frame["epoch"], frame["seq"]) = (epoch, seq);
        return device.Ask(frame);
    }

    private static async Task<int> Send(TestClient client, int n)
    {
        var ack = await client.Ask(new JsonObject { ["type"] = "message", ["to"] = "bob", ["content"] = $"m{n}" });
        Assert.True((string?)ack["type"] == "ack", ack.ToJsonString());
        return (int)ack["seq"]!;
    }

    /// <summary>A device comes back.</summary>
    /// <param name="since">What it had.</param>
    /// <param name="missed">What it gets; null when it is told that messages are lost.</param>
    /// <param name="last">Where the inbox is then.</param>
    private static async Task Resumes(Front front, string epoch, int since, int[]? missed, int last = 2)
    {
        await using var device = await front.Connect("bob");
        var opened = await Inbox(device, epoch, since);
        Assert.Equal((missed is not null, epoch, missed is [.., var newest] ? newest : last), ((bool)opened["recovered"]!, (string?)opened["epoch"], (int)opened["seq"]!));
        foreach (var n in missed ?? [])
        {
            var message = await device.Receive("message");
            Assert.Equal((n, $"m{n}"), ((int)message["seq"]!, (string?)message["content"]));
        }
        Assert.Empty(await device.Drain());
    }

    /// <summary>Its hands are moved; timers run as ever.</summary>
    private sealed class MovedClock : TimeProvider
    {
        private TimeSpan _by;

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + _by;

        public void Move(TimeSpan by) => _by += by;
    }
}
