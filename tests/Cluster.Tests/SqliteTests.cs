using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Realtime.Cluster.Tests;

/// <summary>A single process outside Development, whose log is a file unless it is told otherwise.</summary>
public sealed class SqliteTests
{
    private const int Rooms = 8;

    [Fact]
    public async Task A_kill_under_load_loses_no_acknowledged_message_and_a_second_process_does_not_get_the_file()
    {
        var folder = Directory.CreateTempSubdirectory("realtime-log-");
        await using var receiver = await TestReceiver.Start();
        try
        {
            var key = RandomNumberGenerator.GetBytes(32);
            string[] settings =
            [
                "--environment=Production", $"--contentRoot={folder.FullName}", "--Rooms:Open=true", $"--Authentication:Schemes:Bearer:SigningKeys:0:Value={Convert.ToBase64String(key)}",
                "--Authentication:Schemes:Bearer:ValidIssuer=i", "--Authentication:Schemes:Bearer:ValidAudience=a",
                .. receiver.Arguments(), "--Webhooks:Receivers:0:Events:0=message",
            ];
            var acknowledged = new ConcurrentDictionary<(int Room, long Sequence), string>();
            await using (var process = Clusters.StartOne("single", null, settings))
            {
                await process.WaitUntilReady();
                await using (var second = Clusters.StartOne("single", null, settings))
                {
                    Assert.Equal(1, await second.Ended.WaitAsync(ServerProcess.Patience));
                    Assert.Contains("cannot be used: another process has it open", Assert.Single(second.Output.Trim().Split('\n')));
                }

                Assert.True(File.Exists(Path.Combine(folder.FullName, "data", "realtime.db")));
                using var http = Service(process, key);
                var publishers = Enumerable.Range(0, Rooms).Select(room => Task.Run(async () =>
                {
                    for (var n = 0; ; n++)
                    {
                        try
                        {
                            using var answer = await http.PostAsJsonAsync($"/api/rooms/room{room}/messages", new { content = $"{n}", key = "last" });
                            if (answer.IsSuccessStatusCode)
                                acknowledged[(room, (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("seq").GetInt64())] = $"{n}";
                        }
                        catch (HttpRequestException)
                        {
                            return; // killed
                        }
                    }
                })).ToArray();
                await process.WaitUntil(() => Task.FromResult(acknowledged.Count >= 200), () => $"{acknowledged.Count} were acknowledged", default);
                await process.Kill();
                await Task.WhenAll(publishers).WaitAsync(ServerProcess.Patience);
            }

            await using var next = Clusters.StartOne("single", null, settings);
            await next.WaitUntilReady();
            // Nobody uses the rooms: what the webhook's receiver lacks is looked for.
            for (var room = 0; room < Rooms; room++)
            {
                var last = acknowledged.Keys.Where(one => one.Room == room).Max(one => one.Sequence);
                var told = (await receiver.Events($"room{room}", (int)last)).ToDictionary(item => (long)item["seq"]!, item => (string?)item["content"]);
                Assert.All(acknowledged.Where(one => one.Key.Room == room), one => Assert.Equal(one.Value, told.GetValueOrDefault(one.Key.Sequence)));
                Assert.Equal(Enumerable.Range(1, told.Count).Select(i => (long)i), told.Keys);
            }
            Assert.Empty(receiver.Faults);
            using var reader = Service(next, key);
            for (var room = 0; room < Rooms; room++)
            {
                using var history = JsonDocument.Parse(await reader.GetStringAsync($"/api/rooms/room{room}/messages?limit=100"));
                var kept = history.RootElement.GetProperty("messages").EnumerateArray().ToDictionary(
                    message => message.GetProperty("seq").GetInt64(), message => message.GetProperty("content").GetString());
                var mine = acknowledged.Where(one => one.Key.Room == room).ToArray();
                Assert.NotEmpty(mine);
                using var state = JsonDocument.Parse(await reader.GetStringAsync($"/api/rooms/room{room}/state"));
                var entry = Assert.Single(state.RootElement.GetProperty("entries").EnumerateArray());
                Assert.Equal((kept.Keys.Max(), kept[kept.Keys.Max()]), (entry.GetProperty("seq").GetInt64(), entry.GetProperty("content").GetString()));
                foreach (var ((_, sequence), content) in mine.OrderBy(one => one.Key.Sequence).TakeLast(80))
                    Assert.Equal(content, kept.GetValueOrDefault(sequence));
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static HttpClient Service(ServerProcess process, byte[] key)
    {
        var signed = $"{Base64Url.EncodeToString("""{"alg":"HS256","typ":"JWT"}"""u8)}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(
            $$"""{"iss":"i","aud":"a","sub":"billing","scope":"realtime.admin","exp":{{DateTimeOffset.UtcNow.AddMinutes(10).ToUnixTimeSeconds()}}}"""))}";
        var token = $"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(signed)))}";
        return new() { BaseAddress = process.Address, DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
    }
}
