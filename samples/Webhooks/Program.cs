using Orleans;
using Orleans.Hosting;
using Realtime.Grains;
using Realtime.Silo;
using Realtime.Silo.Webhooks;
using Realtime.WebFront;
using Realtime.Webhooks;

if (args is ["try", ..])
    return await Trial.Run(args.ElementAtOrDefault(1) ?? "http://127.0.0.1:5085");

// Two applications in one process, so that one command shows both: a realtime server, and the receiver that it tells of its rooms by HTTP.
var builder = WebApplication.CreateBuilder(args);
var isOnFreePort = builder.Configuration["Urls"]!.EndsWith(":0", StringComparison.Ordinal); // then so is the receiver
var rule = builder.Configuration.GetSection("Webhooks:Receivers:0").Get<WebhookRule>()!; // the receiver knows all secrets that may sign
await using var receiver = Receiver.Build(isOnFreePort ? "http://127.0.0.1:0" : builder.Configuration["Receiver"]!, [rule.Secret, .. rule.Secrets]);
await receiver.StartAsync();
builder.Configuration["Webhooks:Receivers:0:Url"] = $"{receiver.Urls.First()}/webhook";

builder.UseOrleans(silo => silo.UseSingleProcess().AddRealtime());
builder.AddRealtimeFront();
var app = builder.Build();
app.MapRealtime();
if (app.Environment.IsDevelopment())
    app.MapRealtimePages(); // the chat and the toolbox

// curl -X POST localhost:5085/orders/7/shipped
app.MapPost("/orders/{order:int}/{state}", async (int order, string state, IGrainFactory grains) =>
    await grains.GetGrain<IRoomGrain>($"orders-{order}").Broadcast(new RoomMessage { From = "shop", Content = $"The order is {state}." }));
app.MapGet("/receiver", () => receiver.Urls.First());

await app.RunAsync();
return 0;
