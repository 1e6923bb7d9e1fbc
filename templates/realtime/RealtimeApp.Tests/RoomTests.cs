using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Realtime.Client;

namespace RealtimeApp.Tests;

/// <summary>Real sockets to the real application, on a free port.</summary>
public sealed class RoomTests : IDisposable
{
    private readonly WebApplicationFactory<Program> _app = new WebApplicationFactory<Program>().WithWebHostBuilder(host => host.UseEnvironment("Development"));
    private readonly CancellationTokenSource _bound = new(TimeSpan.FromSeconds(30));

    public RoomTests()
    {
        _app.UseKestrel(0);
        _app.StartServer();
    }

    public void Dispose()
    {
        _bound.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task Members_of_the_room_hear_that_an_order_is_paid()
    {
        await using var alice = new RealtimeClient(new() { Address = new Uri(_app.ClientOptions.BaseAddress, "/ws"), User = "alice" });
        var room = await alice.JoinAsync("orders", cancellation: _bound.Token);

        using var http = new HttpClient { BaseAddress = _app.ClientOptions.BaseAddress };
        (await http.PostAsync("/orders/7/paid", content: null, _bound.Token)).EnsureSuccessStatusCode();

        await using var messages = room.MessagesAsync().GetAsyncEnumerator(_bound.Token);
        Assert.True(await messages.MoveNextAsync());
        Assert.Equal(("billing", "order 7 is paid"), (messages.Current.From, messages.Current.Content));
    }
}
