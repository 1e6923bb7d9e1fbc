using Realtime.Connections;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddRealtimeConnections();

var app = builder.Build();
app.MapConnections("/ws/echo", async (Connection c) =>
{
    await foreach (var message in c.ReceiveAllAsync())
        await c.SendAsync(message);
});
app.Run();
