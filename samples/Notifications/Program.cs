using Orleans;
using Orleans.Hosting;
using Realtime.Grains;
using Realtime.Silo;
using Realtime.WebFront;

// A notification service: customers hold a socket, the shop's back end calls over HTTP, and the message finds the
// customer on whichever front and device it is, because users are grains.
var builder = WebApplication.CreateBuilder(args);
builder.UseOrleans(silo => silo.UseSingleProcess().AddRealtime());
builder.AddRealtimeFront();
var app = builder.Build();
app.MapRealtime();
if (app.Environment.IsDevelopment())
    app.MapRealtimePages(); // the chat and the toolbox

// curl -X POST localhost:5083/orders/7/shipped?customer=alice
app.MapPost("/orders/{order:int}/shipped", async (int order, string customer, IGrainFactory grains) =>
{
    var devices = await grains.GetGrain<IUserGrain>(customer).Send(new RoomMessage
    {
        From = "shop",
        Content = $"Your order {order} is on its way.",
        Data = $$"""{"order":{{order}},"state":"shipped"}""",
    });
    return new { devices };
});

// curl -X POST localhost:5083/news -H 'content-type: application/json' -d '"We have moved."'
app.MapPost("/news", async ([Microsoft.AspNetCore.Mvc.FromBody] string text, IGrainFactory grains) =>
    await grains.GetGrain<IRoomGrain>("news").Broadcast(new RoomMessage { From = "shop", Content = text }));

app.Run();
