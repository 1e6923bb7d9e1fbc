using System.Diagnostics;
using System.Net;
using Realtime.Client;

namespace Realtime.Teams;

/// <summary>Three people at the running sample: who is in, who is not, and how soon somebody who is taken out of a team is out of its room.</summary>
internal static class Trial
{
    private const string TeamRoom = "team-red";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <returns>The exit code: 0, or 1 when something was not as it should be.</returns>
    public static async Task<int> Run(string address)
    {
        try
        {
            await Tell(address);
            return 0;
        }
        catch (Exception exception) when (exception is HttpRequestException or RealtimeException or OperationCanceledException or InvalidOperationException)
        {
            await Console.Error.WriteLineAsync($"{address}: {exception.Message}");
            return 1;
        }
    }

    private static async Task Tell(string address)
    {
        using var patience = new CancellationTokenSource(s_patience);
        await using var alice = await Person.LogIn(address, "alice");
        await using var bob = await Person.LogIn(address, "bob");
        await using var mallory = await Person.LogIn(address, "mallory");
        await alice.Change(HttpMethod.Put, "red", "bob"); // an earlier trial may have taken him out
        var alices = await alice.Client.JoinAsync(TeamRoom, cancellation: patience.Token);
        var bobs = await bob.Client.JoinAsync(TeamRoom, cancellation: patience.Token);
        await Refused("forbidden", mallory.Client.JoinAsync(TeamRoom, cancellation: patience.Token));
        Console.WriteLine("alice and bob are in team-red; mallory is in another team, and is told: forbidden.");

        await alices.PublishAsync("hi bob", cancellation: patience.Token);
        await using var heard = bobs.MessagesAsync(patience.Token).GetAsyncEnumerator(patience.Token);
        await heard.MoveNextAsync();
        Console.WriteLine("bob reads what alice writes.");

        var clock = Stopwatch.StartNew();
        await alice.Change(HttpMethod.Delete, "red", "bob");
        await Refused(RealtimeErrorCodes.Removed, heard.MoveNextAsync().AsTask());
        Console.WriteLine($"alice has taken bob out of the team: {clock.ElapsedMilliseconds} ms later he is out of the room.");
        await Refused("forbidden", bob.Client.JoinAsync(TeamRoom, cancellation: patience.Token));
        Console.WriteLine("bob may not come back, and reads no more of it.");
    }

    private static async Task Refused(string code, Task task)
    {
        try
        {
            await task;
        }
        catch (RealtimeException exception) when (exception.Code == code)
        {
            return;
        }
        throw new InvalidOperationException($"'{code}' was to come.");
    }

    private sealed class Person(HttpClient http, RealtimeClient client) : IAsyncDisposable
    {
        public RealtimeClient Client => client;

        public static async Task<Person> LogIn(string address, string name)
        {
            var cookies = new CookieContainer();
            var http = new HttpClient(new SocketsHttpHandler { CookieContainer = cookies }) { BaseAddress = new Uri(address) };
            using var form = new FormUrlEncodedContent([new("name", name), new("password", name)]);
            using var answer = await http.PostAsync(new Uri("/login", UriKind.Relative), form);
            answer.EnsureSuccessStatusCode();
            return new Person(http, new(new() { Address = new Uri(http.BaseAddress, "/ws"), ConfigureSocket = socket => socket.Cookies = cookies }));
        }

        /// <summary>Takes somebody into a team, or out of it.</summary>
        public async Task Change(HttpMethod how, string team, string user)
        {
            using var request = new HttpRequestMessage(how, $"/teams/{team}/members/{user}");
            using var answer = await http.SendAsync(request);
            answer.EnsureSuccessStatusCode();
        }

        public async ValueTask DisposeAsync()
        {
            await client.DisposeAsync();
            http.Dispose();
        }
    }
}
