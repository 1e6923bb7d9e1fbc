using Microsoft.AspNetCore.Builder;
using Realtime.Silo.Hosting;

// A silo of a cluster; the fronts are processes of their own (src/WebFront with Cluster:Mode = client).
return await HostProcess.Run(() =>
{
    var builder = WebApplication.CreateBuilder(args);
    builder.AddSilo();
    var app = builder.Build();
    app.MapSilo();
    return app;
});
