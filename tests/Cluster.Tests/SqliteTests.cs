using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;

namespace Realtime.Cluster.Tests;

/// <summary>A single process whose log is in a file.</summary>
public sealed class SqliteTests
{
    private const int Rooms = 8;

    [Fact]
    public async Task A_kill_under_load_loses_no_acknowledged_message_and_a_second_process_does_not_get_the_file()
    {
        var folder = Directory.CreateTempSubdirectory("realtime-log-");
        try
        {
            string[] log = ["--Log:Provider=sqlite", $"--Log:ConnectionString=Data Source={Path.Combine(folder.FullName, "log.db")}"];
            var acknowledged = new ConcurrentDictionary<(int Room, long Sequence), string>();
            await using (var process = Clusters.StartOne("single", null, log))
            {
                await process.WaitUntilReady();
                await using (var second = Clusters.StartOne("single", null, log))
                {
                    Assert.Equal(1, await second.Ended.WaitAsync(ServerProcess.Patience));
                    Assert.Contains("cannot be used: another process has it open", Assert.Single(second.Output.Trim().Split('\n')));
                }

                using var http = new HttpClient { BaseAddress = process.Address };
                var publishers = Enumerable.Range(0, Rooms).Select(room => Task.Run(async () =>
                {
                    for (var n = 0; ; n++)
                    {
                        try
                        {
                            using var answer = await http.PostAsJsonAsync($"/api/rooms/room{room}/messages", new { content = $"{n}" });
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

            await using var next = Clusters.StartOne("single", null, log);
            await next.WaitUntilReady();
            for (var room = 0; room < Rooms; room++)
            {
                using var history = JsonDocument.Parse(await next.Get($"/api/rooms/room{room}/messages?limit=100"));
                var kept = history.RootElement.GetProperty("messages").EnumerateArray().ToDictionary(
                    message => message.GetProperty("seq").GetInt64(), message => message.GetProperty("content").GetString());
                var mine = acknowledged.Where(one => one.Key.Room == room).ToArray();
                Assert.NotEmpty(mine);
                foreach (var ((_, sequence), content) in mine.OrderBy(one => one.Key.Sequence).TakeLast(80))
                    Assert.Equal(content, kept.GetValueOrDefault(sequence));
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
