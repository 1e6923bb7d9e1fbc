using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Realtime.Cluster.Tests;

/// <summary>A single process whose log is in a file on a disk that is really full.</summary>
public sealed class FullDiskTests : IDisposable
{
    private const string Place = "/api/rooms/full/messages";

    private readonly DirectoryInfo _disk = Directory.CreateTempSubdirectory("realtime-disk-");
    private readonly bool _isMounted;

    public FullDiskTests() => _isMounted = Run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", _disk.FullName);

    private string Filler => Path.Combine(_disk.FullName, "filler");

    public void Dispose()
    {
        if (_isMounted)
            Run("umount", "--lazy", _disk.FullName);
        _disk.Delete();
    }

    [Fact]
    public async Task Publishes_are_refused_while_the_disk_is_full_and_nothing_acknowledged_is_lost()
    {
        Assert.SkipUnless(_isMounted, "A file system of its own can be mounted by root on Linux only.");
        var kept = new SortedDictionary<long, string>();
        await using (var process = Start("log.db"))
        {
            await process.WaitUntilReady();
            using var http = new HttpClient { BaseAddress = process.Address };
            for (var n = 0; n < 20; n++)
                await Kept(http, $"before{n}");
            Fill();
            string? refused = null;
            for (var n = 0; refused is null; n++)
            {
                Assert.True(n < 1000, "The disk is full, and everything is taken.");
                if (!await IsKept(http, $"until{n}"))
                    refused = $"until{n}";
            }
            for (var n = 0; n < 5; n++)
                await IsKept(http, $"while{n}"); // the first page that is free may take a small one
            using (var live = await http.GetAsync("/health/live"))
                Assert.Equal(HttpStatusCode.OK, live.StatusCode);
            await HasAll(http); // what is kept can be read
            Assert.False(process.HasExited);
            Assert.Contains($"Rooms cannot keep messages, and refuse them until they can. SQLite file {Path.Combine(_disk.FullName, "log.db")}: the disk is full.", process.Output);

            File.Delete(Filler);
            await process.WaitUntil(() => IsKept(http, refused), () => "a publish is refused still", default); // the same again, under its id
            for (var n = 0; n < 20; n++)
                await Kept(http, $"after{n}");
            await HasAll(http);
            Assert.Contains("Rooms can keep messages again, after", process.Output);
            await process.Kill();
        }

        Fill();
        await using (var starts = Start("other.db"))
        {
            Assert.Equal(1, await starts.Ended.WaitAsync(ServerProcess.Patience));
            Assert.Contains("other.db (Log:ConnectionString) cannot be used: the disk is full.", Assert.Single(starts.Output.Trim().Split('\n')));
        }
        File.Delete(Filler);
        await using var next = Start("log.db");
        await next.WaitUntilReady();
        using var again = new HttpClient { BaseAddress = next.Address };
        await HasAll(again);
        await Kept(again, "last");

        async Task Kept(HttpClient http, string content) => Assert.True(await IsKept(http, content), $"{content} is refused");

        async Task<bool> IsKept(HttpClient http, string content)
        {
            using var answer = await http.PostAsJsonAsync(Place, new { content = content.PadRight(4000), id = content });
            var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
            if (answer.IsSuccessStatusCode)
            {
                kept[body.GetProperty("seq").GetInt64()] = content;
                return true;
            }
            Assert.Equal((HttpStatusCode.ServiceUnavailable, "unavailable"), (answer.StatusCode, body.GetProperty("code").GetString()));
            return false;
        }

        async Task HasAll(HttpClient http)
        {
            var found = new SortedDictionary<long, string>();
            for (long? before = null; before != 1;)
            {
                var page = await http.GetFromJsonAsync<JsonElement>($"{Place}?limit=100{(before is null ? "" : $"&before={before}")}");
                foreach (var message in page.GetProperty("messages").EnumerateArray())
                    found[message.GetProperty("seq").GetInt64()] = message.GetProperty("content").GetString()!.TrimEnd();
                if (!page.GetProperty("more").GetBoolean())
                    break;
                before = found.Keys.First();
            }
            // Of what was refused some may have been kept after all: by its number it is known.
            Assert.Equal(kept.Where(one => one.Key >= found.Keys.First()), found.Where(one => kept.ContainsKey(one.Key)));
            Assert.True(found.Count >= Math.Min(kept.Count, 100));
        }
    }

    private ServerProcess Start(string file) => Clusters.StartOne("single", null,
        "--environment=Development", "--Log:Provider=sqlite", $"--Log:ConnectionString=Data Source={Path.Combine(_disk.FullName, file)}", "--Limits:Enabled=false");

    /// <summary>Until there is no byte left.</summary>
    private void Fill()
    {
        try
        {
            using var filler = new FileStream(Filler, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
            var block = new byte[4096];
            while (true)
                filler.Write(block);
        }
        catch (IOException)
        {
            // It is full.
        }
    }

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true });
            process!.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
