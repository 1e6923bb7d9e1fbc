using Realtime.Client;

// A chat in a terminal: what is typed goes to the room, what anybody says there is shown.
if (args is not [var address, var name, var user])
{
    Console.Error.WriteLine("usage: Terminal <address> <room> <user>");
    return 2;
}
try
{
    await using var client = new RealtimeClient(new() { Address = new Uri(new Uri(address), "/ws"), User = user });
    client.StatusChanged += (_, status) =>
    {
        if (status.State is RealtimeState.Reconnecting && status.RetryAt is { } at)
            Console.Error.WriteLine($"-- no connection: {status.Reason} The next attempt is at {at.LocalDateTime:T}.");
    };
    var room = await client.JoinAsync(name, new() { Last = 10 });
    Console.Error.WriteLine($"-- in {name}, with {room.Members} here; an empty line ends it.");

    var ownLast = long.MaxValue;
    var shown = Task.Run(async () =>
    {
        await foreach (var message in room.MessagesAsync())
        {
            if (message.Missed is { } missed)
                Console.Error.WriteLine($"-- what was said up to {missed.Position} is lost to you ({missed.Reason}).");
            Console.WriteLine($"{message.Timestamp.LocalDateTime:t} {message.From}: {message.Content}");
            if (message.Position.Sequence >= Volatile.Read(ref ownLast))
                return;
        }
    });
    var own = default(Position);
    while (await Console.In.ReadLineAsync() is { Length: > 0 } line)
        own = await room.PublishAsync(line); // completes when the room has kept it, over any number of cuts
    Volatile.Write(ref ownLast, own.Sequence);
    if (own.IsNone || room.Position?.Sequence >= own.Sequence)
        await room.LeaveAsync(); // what has come is shown still
    await shown;
    return 0;
}
catch (Exception exception) when (exception is RealtimeException or ArgumentException or UriFormatException)
{
    Console.Error.WriteLine($"terminal: {exception.Message}");
    return 1;
}
