namespace Realtime.PushStreams.Tests.Support;

/// <summary>What the tests send: who made it, and its number there.</summary>
[GenerateSerializer, Immutable, Alias("realtime.push.tests.item")]
public sealed record Item([property: Id(0)] string Producer, [property: Id(1)] int Number);
