using Orleans.Hosting;
using Realtime.Silo;
using Realtime.WebFront;

// A board with notes that all who look at it share. The server knows nothing of notes: each is a key of the state of the room "board".
var builder = WebApplication.CreateBuilder(args);
builder.UseOrleans(silo => silo.UseSingleProcess().AddRealtime());
builder.AddRealtimeFront();
var app = builder.Build();
app.MapRealtime();
app.MapRealtimePages(); // the client of the page, /realtime.js, among them
app.UseStaticFiles(); // wwwroot/board.html
app.Run();
