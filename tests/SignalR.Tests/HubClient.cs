using System.Threading.Channels;

namespace Realtime.SignalR.Tests;

internal static class Wait
{
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);
}

/// <summary>A client of the hub, as an application has it, and what it was told.</summary>
internal sealed class HubClient : IAsyncDisposable
{
    private readonly Channel<string> _said = Channel.CreateUnbounded<string>();

    public HubClient(string address, bool messagePack)
    {
        var builder = new HubConnectionBuilder().WithUrl(address);
        Connection = (messagePack ? builder.AddMessagePackProtocol() : builder).Build();
        Connection.On<string>("say", text => _said.Writer.TryWrite(text));
    }

    public HubConnection Connection { get; }

    public string Id => Connection.ConnectionId!;

    public Task Start() => Connection.StartAsync().WaitAsync(Wait.Bound);

    public async Task<string> Next()
    {
        using var bound = new CancellationTokenSource(Wait.Bound);
        return await _said.Reader.ReadAsync(bound.Token);
    }

    public async Task<string[]> Next(int count)
    {
        var all = new string[count];
        for (var i = 0; i < count; i++)
            all[i] = await Next();
        return all;
    }

    public bool HasMore => _said.Reader.TryPeek(out _);

    public ValueTask DisposeAsync() => Connection.DisposeAsync();
}
