using Orleans.Hosting;
using Realtime.Silo;
using Realtime.WebFront;

// Who is there, in which colour, who types, and where everybody's cursor is. All of it is in the page: the server is the usual one.
var builder = WebApplication.CreateBuilder(args);
builder.UseOrleans(silo => silo.UseSingleProcess().AddRealtime());
builder.AddRealtimeFront();
var app = builder.Build();
app.UseDefaultFiles();
app.UseStaticFiles();
app.MapRealtime();
app.MapRealtimePages("/pages"); // for its realtime.js
app.Run();
