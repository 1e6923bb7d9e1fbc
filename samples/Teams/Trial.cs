using System.Diagnostics;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Realtime.Teams;

/// <summary>Three people at the running sample: who is in, who is not, and how soon somebody who is taken out of a team is out of its room.</summary>
internal static class Trial
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <returns>The exit code: 0, or 1 when something was not as it should be.</returns>
    public static async Task<int> Run(string address)
    {
        try
        {
            await Tell(address);
            return 0;
        }
        catch (Exception exception) when (exception is HttpRequestException or WebSocketException or TimeoutException or InvalidOperationException)
        {
            await Console.Error.WriteLineAsync($"{address}: {exception.Message}");
            return 1;
        }
    }

    private static async Task Tell(string address)
    {
        using var alice = await Person.LogIn(address, "alice");
        using var bob = await Person.LogIn(address, "bob");
        using var mallory = await Person.LogIn(address, "mallory");
        await alice.Change(HttpMethod.Put, "red", "bob"); // an earlier trial may have taken him out
        const string join = """{"type":"join","room":"team-red"}""";
        await alice.Ask(join, "joined");
        await bob.Ask(join, "joined");
        await mallory.Ask(join, "error", "forbidden");
        Console.WriteLine("alice and bob are in team-red; mallory is in another team, and is told: forbidden.");

        await alice.Ask("""{"type":"message","room":"team-red","content":"hi bob"}""", "ack");
        await bob.Next("message");
        Console.WriteLine("bob reads what alice writes.");

        var clock = Stopwatch.StartNew();
        await alice.Change(HttpMethod.Delete, "red", "bob");
        await bob.Next("left");
        Console.WriteLine($"alice has taken bob out of the team: {clock.ElapsedMilliseconds} ms later he is out of the room.");

        await bob.Ask(join, "error", "forbidden");
        await alice.Ask("""{"type":"message","room":"team-red","content":"is he gone?"}""", "ack");
        await bob.Ask("""{"type":"ping"}""", "pong"); // what had been sent to him would have come before
        Console.WriteLine("bob may not come back, and reads no more of it.");
    }

    private sealed class Person(HttpClient http, ClientWebSocket socket) : IDisposable
    {
        public static async Task<Person> LogIn(string address, string name)
        {
            var cookies = new CookieContainer();
            var http = new HttpClient(new SocketsHttpHandler { CookieContainer = cookies }) { BaseAddress = new Uri(address) };
            using var form = new FormUrlEncodedContent([new("name", name), new("password", name)]);
            using var answer = await http.PostAsync(new Uri("/login", UriKind.Relative), form);
            answer.EnsureSuccessStatusCode();
            var socket = new ClientWebSocket { Options = { Cookies = cookies } };
            socket.Options.AddSubProtocol("realtime.json.v1");
            await socket.ConnectAsync(new UriBuilder(address) { Scheme = "ws", Path = "/ws" }.Uri, CancellationToken.None);
            return new Person(http, socket);
        }

        /// <summary>Sends a frame and reads on until the answer is there.</summary>
        public async Task Ask(string frame, string type, string? code = null)
        {
            var (request, id) = (JsonNode.Parse(frame)!, Guid.NewGuid().ToString("N")); // a room knows a repeat by its id
            request["id"] = id;
            await socket.SendAsync(Encoding.UTF8.GetBytes(request.ToJsonString()), WebSocketMessageType.Text, true, CancellationToken.None);
            await Read(answer => (string?)answer["id"] == id && (string?)answer["type"] == type && (string?)answer["code"] == code, $"{type} {code}");
        }

        /// <summary>Reads on until a frame of this type comes.</summary>
        public Task Next(string type) => Read(frame => (string?)frame["type"] == type, type);

        /// <summary>Takes somebody into a team, or out of it.</summary>
        public async Task Change(HttpMethod how, string team, string user)
        {
            using var request = new HttpRequestMessage(how, $"/teams/{team}/members/{user}");
            using var answer = await http.SendAsync(request);
            answer.EnsureSuccessStatusCode();
        }

        public void Dispose()
        {
            socket.Dispose();
            http.Dispose();
        }

        private async Task Read(Predicate<JsonNode> isIt, string what)
        {
            using var patience = new CancellationTokenSource(s_patience);
            var buffer = new byte[64 * 1024];
            try
            {
                while (true)
                {
                    var length = 0;
                    ValueWebSocketReceiveResult part;
                    do
                    {
                        part = await socket.ReceiveAsync(buffer.AsMemory(length), patience.Token);
                        length += part.Count;
                    }
                    while (!part.EndOfMessage);
                    if (part.MessageType == WebSocketMessageType.Close)
                        throw new InvalidOperationException($"The socket was closed; '{what}' was to come.");
                    if (isIt(JsonNode.Parse(buffer.AsSpan(0, length))!))
                        return;
                }
            }
            catch (OperationCanceledException exception)
            {
                throw new TimeoutException($"'{what}' did not come within {s_patience.TotalSeconds} s.", exception);
            }
        }
    }
}
