using System.Collections.Immutable;
using Orleans.Serialization;

namespace Realtime.EmbeddedOrleans.Tests.Conformance;

[GenerateSerializer]
public sealed class Letter
{
    [Id(0)]
    public string Text { get; set; } = "";

    [Id(1)]
    public List<string> Tags { get; set; } = [];

    [Id(2)]
    public Letter? Reply { get; set; }

    [field: NonSerialized]
    public string NotCopied { get; set; } = "default";
}

[GenerateSerializer]
public record Post(string Author, byte[] Body)
{
    [Id(0)]
    public Dictionary<string, List<int>> Marks { get; init; } = [];
}

[GenerateSerializer]
public sealed record Reply(string Author, byte[] Body, [property: Id(0)] string To) : Post(Author, Body);

[GenerateSerializer]
public readonly record struct Point(int X, int Y);

[GenerateSerializer, Immutable]
public sealed class Sealed
{
    [Id(0)]
    public List<int> Items { get; set; } = [];
}

/// <summary>Has no serializer.</summary>
public sealed class Stranger
{
    public int Value { get; set; }
}

public interface IKeepGrain : IGrainWithStringKey
{
    Task Keep(Letter letter);

    Task<Letter> Kept();

    Task Scribble();

    Task<byte[]> KeepBytes(byte[] bytes);

    Task<bool> SameBytes([Immutable] byte[] bytes);

    Task<bool> SameSealed(Sealed value);

    Task<Immutable<byte[]>> KeepImmutable(Immutable<byte[]> bytes);

    Task<Post> Echo(Post post);

    Task<object> EchoObject(object value);

    Task<(List<int>, int?)> EchoTuple((List<int> Items, int? Number) value);

    Task<IReadOnlyList<Point>> EchoPoints(IReadOnlyList<Point> points);

    Task<ImmutableArray<string>> EchoArray(ImmutableArray<string> array);

    Task<Dictionary<string, HashSet<int>>> EchoSets(Dictionary<string, HashSet<int>> sets);

    Task<string> EchoNull(string? text, Letter? letter);

    Task<IEnumerable<int>> EchoQuery(IEnumerable<int> numbers);
}

public sealed class KeepGrain : Grain, IKeepGrain
{
    // What the grain was given, for the tests to compare: both are in one process.
    public static readonly System.Collections.Concurrent.ConcurrentDictionary<string, object> Given = new();

    private Letter _letter = new();

    public Task Keep(Letter letter)
    {
        _letter = letter;
        Given[this.GetPrimaryKeyString()] = letter;
        return Task.CompletedTask;
    }

    public Task<Letter> Kept() => Task.FromResult(_letter);

    public Task Scribble()
    {
        _letter.Tags.Add("scribble");
        return Task.CompletedTask;
    }

    public Task<byte[]> KeepBytes(byte[] bytes)
    {
        bytes[0]++;
        return Task.FromResult(bytes);
    }

    public Task<bool> SameBytes(byte[] bytes) => Task.FromResult(Given.TryGetValue(this.GetPrimaryKeyString(), out var given) && ReferenceEquals(given, bytes));

    public Task<bool> SameSealed(Sealed value) => Task.FromResult(Given.TryGetValue(this.GetPrimaryKeyString(), out var given) && ReferenceEquals(given, value));

    public Task<Immutable<byte[]>> KeepImmutable(Immutable<byte[]> bytes) => Task.FromResult(bytes);

    public Task<Post> Echo(Post post) => Task.FromResult(post);

    public Task<object> EchoObject(object value) => Task.FromResult(value);

    public Task<(List<int>, int?)> EchoTuple((List<int> Items, int? Number) value) => Task.FromResult(value);

    public Task<IReadOnlyList<Point>> EchoPoints(IReadOnlyList<Point> points) => Task.FromResult(points);

    public Task<ImmutableArray<string>> EchoArray(ImmutableArray<string> array) => Task.FromResult(array);

    public Task<Dictionary<string, HashSet<int>>> EchoSets(Dictionary<string, HashSet<int>> sets) => Task.FromResult(sets);

    public Task<string> EchoNull(string? text, Letter? letter) => Task.FromResult($"{text is null} {letter is null}");

    public Task<IEnumerable<int>> EchoQuery(IEnumerable<int> numbers) => Task.FromResult(numbers.Select(number => -number));
}

public interface ILocalCallerGrain : IGrainWithStringKey
{
    Task<string> CallBeside(string key);
}

/// <summary>Calls a grain on its own silo, where Orleans copies arguments instead of serializing them.</summary>
[PreferLocalPlacement]
public sealed class LocalCallerGrain : Grain, ILocalCallerGrain
{
    public async Task<string> CallBeside(string key)
    {
        var grain = GrainFactory.GetGrain<ILocalKeepGrain>(key);
        await grain.Kept();
        var letter = new Letter { Text = "local", Tags = ["one"] };
        await grain.Keep(letter);
        letter.Tags.Add("two");
        var kept = await grain.Kept();
        var bytes = new byte[] { 1 };
        var reply = await grain.KeepBytes(bytes);
        KeepGrain.Given[key] = bytes;
        var sameBytes = await grain.SameBytes(bytes);
        var value = new Sealed();
        KeepGrain.Given[key] = value;
        var sameSealed = await grain.SameSealed(value);
        var immutable = await grain.KeepImmutable(new Immutable<byte[]>(bytes));
        return $"{kept.Tags.Count} {bytes[0]} {reply[0]} {sameBytes} {sameSealed} {ReferenceEquals(bytes, immutable.Value)}";
    }
}

public interface ILocalKeepGrain : IKeepGrain;

[PreferLocalPlacement]
public sealed class LocalKeepGrain : GrainProxyBase, ILocalKeepGrain;

/// <summary>The same as <see cref="KeepGrain"/>, placed beside its caller.</summary>
public abstract class GrainProxyBase : Grain
{
    private Letter _letter = new();

    public Task Keep(Letter letter)
    {
        _letter = letter;
        return Task.CompletedTask;
    }

    public Task<Letter> Kept() => Task.FromResult(_letter);

    public Task Scribble() => Task.CompletedTask;

    public Task<byte[]> KeepBytes(byte[] bytes)
    {
        bytes[0]++;
        return Task.FromResult(bytes);
    }

    public Task<bool> SameBytes(byte[] bytes) => Task.FromResult(ReferenceEquals(KeepGrain.Given[this.GetPrimaryKeyString()], bytes));

    public Task<bool> SameSealed(Sealed value) => Task.FromResult(ReferenceEquals(KeepGrain.Given[this.GetPrimaryKeyString()], value));

    public Task<Immutable<byte[]>> KeepImmutable(Immutable<byte[]> bytes) => Task.FromResult(bytes);

    public Task<Post> Echo(Post post) => Task.FromResult(post);

    public Task<object> EchoObject(object value) => Task.FromResult(value);

    public Task<(List<int>, int?)> EchoTuple((List<int> Items, int? Number) value) => Task.FromResult(value);

    public Task<IReadOnlyList<Point>> EchoPoints(IReadOnlyList<Point> points) => Task.FromResult(points);

    public Task<ImmutableArray<string>> EchoArray(ImmutableArray<string> array) => Task.FromResult(array);

    public Task<Dictionary<string, HashSet<int>>> EchoSets(Dictionary<string, HashSet<int>> sets) => Task.FromResult(sets);

    public Task<string> EchoNull(string? text, Letter? letter) => Task.FromResult("");

    public Task<IEnumerable<int>> EchoQuery(IEnumerable<int> numbers) => Task.FromResult(numbers);
}

/// <summary>Arguments and results are copied, unless they are immutable; what cannot be copied is an error.</summary>
public sealed class IsolationTests(SharedCluster shared)
{
    [Fact]
    public async Task Changes_on_one_side_do_not_show_on_the_other()
    {
        var grain = shared.NewGrain<IKeepGrain>();
        var letter = new Letter { Text = "hello", Tags = ["one"], NotCopied = "mine", Reply = new Letter { Text = "inner" } };
        await grain.Keep(letter).Soon();
        letter.Tags.Add("two");
        letter.Reply.Text = "changed";
        var kept = await grain.Kept().Soon();
        Assert.Equal(("hello", "inner", "default"), (kept.Text, kept.Reply!.Text, kept.NotCopied));
        Assert.Equal(["one"], kept.Tags);
        await grain.Scribble().Soon();
        Assert.Equal(["one"], kept.Tags);
        Assert.Equal(["one", "scribble"], (await grain.Kept().Soon()).Tags);

        var bytes = new byte[] { 1, 2 };
        Assert.Equal([2, 2], await grain.KeepBytes(bytes).Soon());
        Assert.Equal([1, 2], bytes);
    }

    [Fact]
    public async Task Between_grains_of_one_silo_too_and_only_immutable_values_are_shared()
    {
        var key = Guid.NewGuid().ToString();
        Assert.Equal("1 1 2 True True True", await shared.NewGrain<ILocalCallerGrain>().CallBeside(key).Soon());
    }

    [Fact]
    public async Task Cycles_and_shared_parts_keep_their_shape()
    {
        var grain = shared.NewGrain<IKeepGrain>();
        var tags = new List<string> { "shared" };
        var letter = new Letter { Text = "round", Tags = tags };
        letter.Reply = new Letter { Tags = tags, Reply = letter };
        await grain.Keep(letter).Soon();
        var kept = await grain.Kept().Soon();
        Assert.NotSame(letter, kept);
        Assert.Same(kept, kept.Reply!.Reply);
        Assert.Same(kept.Tags, kept.Reply.Tags);
        Assert.NotSame(tags, kept.Tags);
    }

    [Fact]
    public async Task Records_tuples_and_collections_pass()
    {
        var grain = shared.NewGrain<IKeepGrain>();
        var post = new Post("alice", [1, 2]) { Marks = new() { ["a"] = [1, 2, 3] } };
        var echo = await grain.Echo(post).Soon();
        Assert.Equal("alice", echo.Author);
        Assert.Equal([1, 2], echo.Body);
        Assert.Equal([1, 2, 3], echo.Marks["a"]);

        var reply = Assert.IsType<Reply>(await grain.Echo(new Reply("bob", [3], "alice")).Soon());
        Assert.Equal(("bob", "alice", 3), (reply.Author, reply.To, reply.Body[0]));

        var (items, number) = await grain.EchoTuple(([1, 2], null)).Soon();
        Assert.Equal([1, 2], items);
        Assert.Null(number);
        Assert.Equal([new Point(1, 2), new Point(3, 4)], await grain.EchoPoints([new(1, 2), new(3, 4)]).Soon());
        Assert.Equal(["a", "b"], await grain.EchoArray(["a", "b"]).Soon());
        Assert.Equal([1, 2], (await grain.EchoSets(new() { ["x"] = [1, 2] }).Soon())["x"].Order());
        Assert.Equal("True True", await grain.EchoNull(null, null).Soon());
        Assert.Equal([-2, -3], await grain.EchoQuery(Enumerable.Range(1, 2).Select(number => number + 1)).Soon());
        Assert.Equal(3, await grain.EchoObject(3).Soon());
        Assert.Equal("text", await grain.EchoObject("text").Soon());
        Assert.Equal(new Point(1, 2), await grain.EchoObject(new Point(1, 2)).Soon());
        Assert.Equal([1, 2], Assert.IsType<List<int>>(await grain.EchoObject(new List<int> { 1, 2 }).Soon()));
        Assert.Equal(Guid.Empty, await grain.EchoObject(Guid.Empty).Soon());
    }

    [Fact]
    public async Task A_reference_passes_and_can_be_called()
    {
        var grain = shared.NewGrain<IKeepGrain>();
        var other = shared.NewGrain<ITurnGrain>();
        await other.Add(5).Soon();
        var echo = Assert.IsAssignableFrom<ITurnGrain>(await grain.EchoObject(other).Soon());
        Assert.Equal(other.GetGrainId(), echo.GetGrainId());
        Assert.Equal(5, await echo.Add(0).Soon());
    }

    [Fact]
    public async Task A_type_without_a_serializer_is_refused_by_name()
    {
        var error = await Assert.ThrowsAsync<CodecNotFoundException>(() => shared.NewGrain<IKeepGrain>().EchoObject(new Stranger()).Soon());
        Assert.Contains(nameof(Stranger), error.Message, StringComparison.Ordinal);
    }
}
