using Orleans.Hosting;
using Realtime.Silo;
using Realtime.WebFront;

// One process: the grains live in the front's own host.
var builder = WebApplication.CreateBuilder(args);
builder.UseOrleans(silo => silo.UseSingleProcess().AddRealtime());
builder.AddRealtimeFront();
var app = builder.Build();
app.MapRealtimeFront();
app.Run();
