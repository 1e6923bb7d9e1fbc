using Realtime.Grains;
using Realtime.Silo;
using Realtime.WebFront;

var builder = WebApplication.CreateBuilder(args);
builder.UseOrleans(silo => silo.UseSingleProcess().AddRealtime()); // rooms and users, in this process
builder.AddRealtimeFront();                                        // lets clients in

var app = builder.Build();
app.UseDefaultFiles();
app.UseStaticFiles();
app.MapRealtime();                    // /ws, /api, /health
app.MapRealtimePages("/realtime");    // /realtime/realtime.js, and a chat to try things with

// Any code of the application can say something in a room.
app.MapPost("/orders/{order}/paid", async (string order, IGrainFactory grains) =>
    await grains.GetGrain<IRoomGrain>("orders").Broadcast(new RoomMessage { From = "billing", Content = $"order {order} is paid" }));

app.Run();
