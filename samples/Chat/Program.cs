using Realtime.Chat;
using Realtime.Connections;

// A chat server with rooms on the connection library alone: one process, no grains, any message format.
var builder = WebApplication.CreateBuilder(args);
builder.Services.AddRealtimeConnections();
builder.Services.AddSingleton<MessageStore>();
var app = builder.Build();

app.MapConnections<ChatHandler>("/chat");

// An HTTP call that sends a message to connected sockets: curl -d 'back in 5 minutes' localhost:5082/rooms/lobby
app.MapPost("/rooms/{room}", async (string room, HttpRequest request, ConnectionRegistry registry) =>
{
    using var body = new StreamReader(request.Body);
    return new { reached = registry.BroadcastTextToRoom(room, await body.ReadToEndAsync()) };
});

app.Run();
