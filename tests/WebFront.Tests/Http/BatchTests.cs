using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Realtime.WebFront.Tests.Limiting;

namespace Realtime.WebFront.Tests.Http;

/// <summary>Messages to many rooms in one request.</summary>
[Collection(ClusterCollection.Name)]
public sealed class BatchTests(Cluster cluster) : IAsyncLifetime
{
    private readonly string _tag = Guid.NewGuid().ToString("N");
    private Front _front = null!;

    public async ValueTask InitializeAsync() => _front = await cluster.StartFront();

    public ValueTask DisposeAsync() => _front.DisposeAsync();

    private string Room(int number) => $"room{number}-{_tag}";

    private async Task<JsonArray> Send(params object[] messages)
    {
        var body = $"[{string.Join(',', messages.Select(message => message as string ?? ((JsonNode)message).ToJsonString()))}]";
        var answer = await RawHttp.Send(_front.Address, "POST", "/api/batch", body);
        Assert.True(answer.Status == 200, $"{answer.Status}: {answer.Body}");
        var answers = JsonNode.Parse(answer.Body)!.AsArray();
        Assert.Equal(messages.Length, answers.Count);
        return answers;
    }

    private static JsonObject Message(string room, string content, string? id = null)
    {
        var message = new JsonObject { ["room"] = room, ["content"] = content };
        if (id is not null)
            message["id"] = id;
        return message;
    }

    private async Task<JsonArray> History(string room) =>
        JsonNode.Parse(await _front.Http.GetStringAsync($"/api/rooms/{room}/messages"))!["messages"]!.AsArray();

    [Fact]
    public async Task Messages_go_to_many_rooms_in_the_order_of_each()
    {
        const int rooms = 40;
        await using var alice = await _front.Connect("alice-" + _tag);
        await alice.Join(Room(7));
        var messages = Enumerable.Range(0, 1000).Select(i => Message(Room(i % rooms), $"{i}")).ToArray();
        var answers = await Send(messages);
        for (var i = 0; i < answers.Count; i++)
        {
            Assert.Equal(["room", "epoch", "seq", "timestamp"], answers[i]!.AsObject().Select(field => field.Key));
            Assert.Equal((Room(i % rooms), i / rooms + 1L), ((string?)answers[i]!["room"], (long)answers[i]!["seq"]!));
        }
        for (var i = 7; i < answers.Count; i += rooms)
        {
            var message = await alice.Receive("message");
            Assert.Equal(($"{i}", i / rooms + 1L), ((string?)message["content"], (long)message["seq"]!));
        }
    }

    [Fact]
    public async Task A_room_that_gets_more_than_a_turn_takes_keeps_the_order()
    {
        var answers = await Send(Enumerable.Range(1, 250).Select(i => Message(Room(1), $"{i}")).ToArray());
        Assert.Equal(Enumerable.Range(1, 250).Select(i => (long)i), answers.Select(answer => (long)answer!["seq"]!));
        Assert.Equal(Enumerable.Range(151, 100).Select(i => $"{i}"), (await History(Room(1))).Select(message => (string?)message!["content"]));
    }

    [Fact]
    public async Task Ids_are_deduplicated_within_a_batch_and_between_them()
    {
        var first = await Send(Message(Room(1), "a", "k1"), Message(Room(1), "a", "k1"), Message(Room(1), "b", "k1"), Message(Room(2), "a", "k1"), Message(Room(1), "c"));
        Assert.True(JsonNode.DeepEquals(first[0], first[1]));
        Assert.Equal("id_conflict", (string?)first[2]!["code"]);
        Assert.Equal([1L, 1L, 2L], new[] { first[0], first[3], first[4] }.Select(answer => (long)answer!["seq"]!));
        var second = await Send(Message(Room(1), "a", "k1"), Message(Room(2), "a", "k1"));
        Assert.True(JsonNode.DeepEquals(first[0], second[0]) && JsonNode.DeepEquals(first[3], second[1]));
        Assert.Equal(["a", "c"], (await History(Room(1))).Select(message => (string?)message!["content"]));

        // One that was sent by itself is the same.
        using var single = await _front.Http.PostAsync($"/api/rooms/{Room(2)}/messages", new StringContent("""{"content":"a","id":"k1"}""", Encoding.UTF8, "application/json"));
        Assert.True(JsonNode.DeepEquals(first[3], JsonNode.Parse(await single.Content.ReadAsStringAsync())));
    }

    [Fact]
    public async Task What_is_wrong_is_refused_by_itself_and_the_rest_is_sent()
    {
        var room = Room(1);
        (string Message, string Code, string Says)[] wrong =
        [
            ("1", "bad_request", "A message must be one JSON object."),
            ("null", "bad_request", "A message must be one JSON object."),
            ("""[{"room":"x","content":"x"}]""", "bad_request", "A message must be one JSON object."),
            ("""{"content":"x"}""", "bad_request", "needs a room"),
            ("""{"room":"","content":"x"}""", "name_invalid", "room"),
            ("""{"room":"..","content":"x"}""", "name_invalid", "'..'"),
            ("""{"room":7,"content":"x"}""", "bad_request", "'room' must be a string"),
            ("""{"room":null,"content":"x"}""", "bad_request", "'room' must be a string"),
            ($$"""{"room":"{{room}}"}""", "bad_request", "content or data"),
            ($$"""{"room":"{{room}}","content":1}""", "bad_request", "'content' must be a string"),
            ($$"""{"room":"{{room}}","content":"x","content":"y"}""", "bad_request", "twice"),
            ($$"""{"room":"{{room}}","content":"x","unknown":1}""", "bad_request", "'unknown' is no field"),
            ($$"""{"room":"{{room}}","content":"\ud800"}""", "bad_request", "Unicode"),
            ($$"""{"room":"{{room}}","content":"x","from":"a\nb"}""", "name_invalid", "sender"),
            ($$"""{"room":"{{room}}","content":"x","id":""}""", "bad_request", "id"),
            ($$"""{"room":"{{room}}","content":"x","id":"{{new string('i', 129)}}"}""", "bad_request", "id"),
            ($$"""{"room":"{{room}}","content":"{{new string('x', 65 * 1024)}}"}""", "content_too_long", "Rooms:MaxContentBytes"),
            ($$"""{"room":"{{room}}","data":{{new string('[', 40)}}{{new string(']', 40)}}}""", "bad_request", "nested"),
        ];
        var answers = await Send([Message(room, "first"), .. wrong.Select(item => item.Message), Message(room, "last")]);
        for (var i = 0; i < wrong.Length; i++)
        {
            var answer = answers[i + 1]!.AsObject();
            Assert.Equal(["code", "message"], answer.Select(field => field.Key));
            Assert.Equal(wrong[i].Code, (string?)answer["code"]);
            Assert.Contains(wrong[i].Says, (string?)answer["message"]);
        }
        Assert.Equal((1L, 2L), ((long)answers[0]!["seq"]!, (long)answers[^1]!["seq"]!));
        Assert.Equal(["first", "last"], (await History(room)).Select(message => (string?)message!["content"]));
    }

    [Theory]
    [InlineData("{}", "one JSON array of 1 to 1000")]
    [InlineData("", "one JSON array")]
    [InlineData("null", "one JSON array")]
    [InlineData("[]", "empty")]
    [InlineData("""[{"room":"half","content":"x"}""", "not valid at line 1")]
    [InlineData("""[{"room":"half","content":"x"}] 1""", "not valid at line 1")]
    [InlineData("""[{"room":"half","content":"x"},]""", "not valid at line 1")]
    public async Task What_is_no_array_is_refused_as_a_whole(string body, string says)
    {
        var answer = await RawHttp.Send(_front.Address, "POST", "/api/batch", body);
        Assert.Equal((400, "bad_request"), (answer.Status, answer.Code));
        Assert.Contains(says, answer.Body);
        Assert.Empty(await History("half"));
    }

    [Fact]
    public async Task Too_many_too_much_and_a_key_are_refused_as_a_whole()
    {
        var room = Room(1);
        var item = Message(room, "x").ToJsonString();
        var many = await RawHttp.Send(_front.Address, "POST", "/api/batch", $"[{string.Join(',', Enumerable.Repeat(item, 1001))}]");
        Assert.Equal((400, "bad_request"), (many.Status, many.Code));
        Assert.Contains("more than 1000", many.Body);
        var large = await RawHttp.Send(_front.Address, "POST", "/api/batch", $"[{string.Join(',', Enumerable.Repeat(Message(room, new string('x', 60_000)).ToJsonString(), 20))}]");
        Assert.Equal((413, "content_too_long"), (large.Status, large.Code));
        var key = await RawHttp.Send(_front.Address, "POST", "/api/batch", $"[{item}]", "Idempotency-Key: k");
        Assert.Equal((400, "bad_request"), (key.Status, key.Code));
        Assert.Empty(await History(room));
    }

    [Fact]
    public async Task Each_message_counts_as_a_request()
    {
        await using var limited = await LimitedFront.Start(cluster, LimitedFront.Rate("Requests", 1, 10));
        var batch = $"[{string.Join(',', Enumerable.Repeat(Message(Room(1), "x").ToJsonString(), 8))}]";
        Assert.Equal(HttpStatusCode.OK, await Post());
        Assert.Equal(HttpStatusCode.TooManyRequests, await Post());
        Assert.Equal(8, (await History(Room(1))).Count);

        async Task<HttpStatusCode> Post()
        {
            using var answer = await limited.Front.Http.PostAsync("/api/batch", new StringContent(batch, Encoding.UTF8, "application/json"));
            return answer.StatusCode;
        }
    }
}
