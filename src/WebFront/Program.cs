using Realtime.Silo.Hosting;
using Realtime.WebFront;

// One process with everything in it, or one front of a cluster: the setting Cluster:Mode decides.
return await HostProcess.Run(() =>
{
    var builder = WebApplication.CreateBuilder(args);
    builder.AddFrontProcess();
    var app = builder.Build();
    app.MapFrontProcess();
    return app;
});
