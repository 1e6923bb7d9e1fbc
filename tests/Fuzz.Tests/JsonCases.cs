using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using CsCheck;

namespace Realtime.Fuzz.Tests;

/// <summary>Sequences of commands, right and wrong, each on a connection of its own.</summary>
internal static class JsonCases
{
    private const string Room = "\"$room\"", Epoch = "\"$epoch\"";

    private static readonly (string Name, string Value)[][] s_valid =
    [
        [("type", "\"join\""), ("room", Room)],
        [("type", "\"join\""), ("room", Room), ("epoch", Epoch), ("seq", "0")],
        [("type", "\"join\""), ("room", Room), ("data", "{\"a\":1}"), ("presence", "\"members\"")],
        [("type", "\"update\""), ("room", Room), ("data", "[1]")],
        [("type", "\"leave\""), ("room", Room)],
        [("type", "\"message\""), ("room", Room), ("content", "\"hi\""), ("data", "{\"a\":[1,2]}")],
        [("type", "\"message\""), ("to", "\"$user\""), ("content", "\"psst\"")],
        [("type", "\"members\""), ("room", Room), ("after", "\"a\""), ("limit", "10")],
        [("type", "\"history\""), ("room", Room), ("before", "5"), ("limit", "10")],
        [("type", "\"history\""), ("room", Room), ("epoch", Epoch)],
        [("type", "\"ping\"")],
    ];

    private static readonly Gen<string> s_field = Gen.OneOf(
        Gen.OneOf("type", "id", "room", "to", "content", "data", "epoch", "seq", "before", "after", "limit", "last", "echo", "ephemeral", "key", "presence", "from", "timestamp"),
        Gen.OneOf("", "Type", "ID", "x", "\\ud83d", "r\\u006fom", "\\u0000", "$ref"));

    private static readonly Gen<string> s_id = Gen.Frequency(
        (8, Gen.Const("\"$id\"")), (1, Gen.Int[100, 130].Select(length => $"\"$id{new string('i', length)}\"")), (1, Gen.Const("\"$id\\u00e4\\n\"")), (1, FuzzText.Value));

    private static readonly Gen<string> s_position = Gen.OneOf(
        Gen.Int[-2, 400].Select(n => n.ToString()), Gen.Long.Select(n => n.ToString()), FuzzText.Value);

    /// <summary>A change to the fields of a frame.</summary>
    private static readonly Gen<Action<List<(string Name, string Value)>>> s_change = Gen.OneOf(
        Gen.Int[0, 9].Select(at => Do(fields => fields.RemoveAt(at % fields.Count))),
        Gen.Select(Gen.Int[0, 9], FuzzText.Value, (at, value) => Do(fields => fields[at % fields.Count] = (fields[at % fields.Count].Name, value))),
        Gen.Select(Gen.Int[0, 9], FuzzText.Name, (at, name) => Do(fields => Set(fields, at % 2 == 0 ? "room" : at % 3 == 0 ? "to" : "after", FuzzText.Quote(name)))),
        Gen.Select(Gen.OneOf("seq", "before", "limit", "last"), s_position, (name, value) => Do(fields => Set(fields, name, value))),
        Gen.Select(s_field, FuzzText.Value, Gen.Int[0, 9], (name, value, at) => Do(fields => fields.Insert(at % (fields.Count + 1), (name, value)))),
        Gen.Int[0, 9].Select(at => Do(fields => fields.Add(fields[at % fields.Count]))),
        Gen.Select(Gen.Int[0, 9], s_field, (at, name) => Do(fields => fields[at % fields.Count] = (name, fields[at % fields.Count].Value))),
        FuzzText.Value.Select(value => Do(fields => Set(fields, "data", value))),
        Gen.OneOf("Join", "joined", "ack", "error", "pong", "MESSAGE", "", "presence", "dropped").Select(type => Do(fields => Set(fields, "type", $"\"{type}\""))));

    private static readonly Gen<string> s_frame = Gen.Select(
        Gen.OneOf(s_valid), s_id, Gen.Frequency((3, Gen.Const(0)), (4, Gen.Const(1)), (2, Gen.Const(3))).SelectMany(count => s_change.Array[count]), Gen.Int[0, 9], FuzzText.GoodName, Gen.OneOf("", "", "", " ", "\r\n\t "),
        (valid, id, changes, at, room, space) => Write(valid, id, changes, at, space).Replace("$room", FuzzText.Quote(room)[1..^1], StringComparison.Ordinal));

    /// <summary>What is no frame any more.</summary>
    private static readonly Gen<string> s_broken = Gen.OneOf(
        Gen.Select(s_frame, Gen.Int[0, 200], (text, at) => text[..Math.Min(at, text.Length)]),
        Gen.Select(s_frame, Gen.Int[0, 200], Gen.Char["{}[]\",:\\0 \t\u0001\u202e"], (text, at, with) => text.Insert(Math.Min(at, text.Length), with.ToString())),
        Gen.Select(s_frame, FuzzText.Value, (text, more) => text + more),
        s_frame.Select(text => $"[{text}]"),
        s_frame.Select(text => "\ufeff" + text),
        FuzzText.Value,
        Gen.String[0, 30]);

    public static readonly Gen<FuzzCase> All = Gen.Select(
        Gen.Frequency((8, s_frame), (2, s_broken)).Array[1, 14], FuzzText.GoodName, Gen.Bool, Gen.Bool,
        (frames, room, joins, reset) => (FuzzCase)new JsonCase(joins ? [$$"""{"type":"join","id":"$id","room":{{FuzzText.Quote(room)}}}""", .. frames] : frames, reset));

    /// <summary>A body for the HTTP API, valid or not.</summary>
    public static readonly Gen<string> Body = Gen.OneOf(
        Gen.Select(Gen.OneOf<(string, string)[]>([("content", "\"hi\"")], [("content", "\"hi\""), ("data", "{\"a\":1}"), ("from", "\"billing\""), ("id", "\"$id\"")], [("reason", "\"go\"")]),
            Gen.Int[0, 2].SelectMany(count => s_change.Array[count]), (valid, changes) => Write(valid, null, changes, 0, "")),
        FuzzText.Value);

    private static Action<List<(string Name, string Value)>> Do(Action<List<(string Name, string Value)>> change) => fields =>
    {
        if (fields.Count > 0)
            change(fields);
    };

    private static void Set(List<(string Name, string Value)> fields, string name, string value)
    {
        fields.RemoveAll(field => field.Name == name);
        fields.Add((name, value));
    }

    private static string Write((string Name, string Value)[] valid, string? id, Action<List<(string Name, string Value)>>[] changes, int at, string space)
    {
        var fields = valid.ToList();
        if (id is not null)
            fields.Insert(at % (fields.Count + 1), ("id", id));
        foreach (var change in changes)
            change(fields);
        return $"{space}{{{space}{string.Join($"{space},{space}", fields.Select(field => $"\"{field.Name}\"{space}:{space}{field.Value}"))}{space}}}{space}";
    }
}

/// <summary>Texts on one connection, of which each that has one valid id gets one answer with it.</summary>
internal sealed partial class JsonCase(string[] frames, bool reset) : FuzzCase
{
    private readonly HashSet<string> _awaited = [];
    private readonly HashSet<string> _answered = [];
    private string _epoch = "0";

    public override async Task Run(FuzzTarget target)
    {
        using var client = await RawClient.Open(target);
        for (var i = 0; i < frames.Length; i++)
        {
            var text = frames[i].Replace("$id", $"q{i}", StringComparison.Ordinal).Replace("$user", target.User, StringComparison.Ordinal);
            if (text.Contains("$epoch", StringComparison.Ordinal))
            {
                await Read(client, target.User, $"s{i}"); // the epoch is in an answer
                text = text.Replace("$epoch", _epoch, StringComparison.Ordinal);
            }
            if (Id(text) is { } id)
                _awaited.Add(id);
            await client.SendText(text);
        }
        await Read(client, target.User, "last");
        client.Close(reset);
    }

    public override string ToString() => string.Join('\n', frames.Select(Answers.Short));

    /// <summary>Waits until everything has been answered.</summary>
    private async Task Read(RawClient client, string user, string sentinel)
    {
        await client.SendText(ClientFrames.Ping(sentinel));
        _awaited.Add(sentinel);
        try
        {
            while (_awaited.Count > 0)
            {
                var frame = await client.Frame() ?? throw new FuzzFailure($"the connection ended; without an answer: {string.Join(", ", _awaited)}");
                if (frame.Opcode == ServerFrame.Close)
                    throw new FuzzFailure($"closed with {frame.Code} {Encoding.UTF8.GetString(frame.Payload.AsSpan(Math.Min(2, frame.Payload.Length)))}; without an answer: {string.Join(", ", _awaited)}");
                if (frame.Opcode == ServerFrame.Text)
                    Take(frame.AsText, user);
            }
        }
        catch (FuzzFailure failure) when (failure.Message.StartsWith("nothing came", StringComparison.Ordinal))
        {
            throw new FuzzFailure($"{failure.Message}; without an answer: {string.Join(", ", _awaited)}");
        }
    }

    private void Take(string text, string user)
    {
        var id = Answers.Check(text, user);
        using var json = Answers.Parse(text);
        if (json.RootElement.TryGetProperty("type", out var type) && type.GetString() == "joined" && json.RootElement.TryGetProperty("epoch", out var epoch))
            _epoch = epoch.GetString()!;
        if (string.IsNullOrEmpty(id))
            return;
        if (_awaited.Remove(id))
            _answered.Add(id);
        else if (_answered.Contains(id) && id[0] == 'q') // others may have been given twice
            throw new FuzzFailure($"{id} was answered twice: {Answers.Short(text)}");
    }

    /// <summary>The id that an answer must carry: the only one of a text that is an object or begins as one, valid or not; null for one that is asked twice.</summary>
    private string? Id(string text)
    {
        var ids = Ids(Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text))); // as it arrives: a half surrogate is none any more
        var id = ids.Count == 1 ? Unquoted(ids[0]) : null;
        return id is { Length: > 0 } && Encoding.UTF8.GetByteCount(id) <= 128 && !_awaited.Contains(id) && !_answered.Contains(id) ? id : null;
    }

    /// <summary>The tokens that come after <c>"id":</c> at the top of an object, however it goes on; none when it ends before the text does.</summary>
    private static List<string> Ids(string text)
    {
        var ids = new List<string>();
        var tokens = Token().Matches(text).Select(match => match.Value).ToList();
        var depth = 0;
        for (var i = 0; i < tokens.Count; i++)
        {
            depth += tokens[i] is "{" or "[" ? 1 : tokens[i] is "}" or "]" ? -1 : 0;
            if (depth == 1 && tokens[i][0] == '"' && i + 2 < tokens.Count && tokens[i + 1] == ":" && Unquoted(tokens[i]) == "id")
                ids.Add(tokens[i + 2]);
            if (depth < 1)
                return i == tokens.Count - 1 ? ids : [];
        }
        return ids;
    }

    private static string? Unquoted(string token)
    {
        try
        {
            return JsonSerializer.Deserialize<string>(token);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null; // no string, or of half a surrogate pair
        }
    }

    [GeneratedRegex("""
        "(?>(?:[^"\\]+|\\.)*)"?|[{}\[\]:]|[^"{}\[\]: \t\r\n]+
        """, RegexOptions.Singleline)]
    private static partial Regex Token();
}
