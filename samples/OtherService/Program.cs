using System.Net.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using Realtime.Grains;

// A service that is neither front nor silo: it joins the cluster as a client, and tells a room something.
if (args is not [var room, var content])
    return Fail(2, "usage: OtherService <room> <text>, with the cluster's database in Cluster__ConnectionString");

var builder = Host.CreateApplicationBuilder();
// What goes wrong is told below, in a line.
builder.Logging.SetMinimumLevel(LogLevel.None);

var database = builder.Configuration["Cluster:ConnectionString"];
if (string.IsNullOrWhiteSpace(database))
    return Fail(2, "Cluster__ConnectionString is not set; it names the cluster's database: Host=..;Database=..;Username=..;Password=..");

builder.UseOrleansClient(client => client
    .UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = ("Npgsql", database))
    // This program tells at once that there is no cluster; one that runs on would wait for it here.
    .UseConnectionRetryFilter((_, _) => Task.FromResult(false))
    .Configure<ClusterOptions>(options =>
    {
        // The same as the silos have.
        options.ClusterId = builder.Configuration["Cluster:ClusterId"] ?? "realtime";
        options.ServiceId = builder.Configuration["Cluster:ServiceId"] ?? "realtime";
    }));

try
{
    using var host = builder.Build();
    await host.StartAsync();
    var receipt = await host.Services.GetRequiredService<IClusterClient>()
        .GetGrain<IRoomGrain>(room)
        .Broadcast(new RoomMessage { From = "other-service", Content = content });
    Console.WriteLine($"{room}: message {receipt.Sequence} of epoch {receipt.Epoch}, at {DateTimeOffset.FromUnixTimeMilliseconds(receipt.Timestamp):O}");
    await host.StopAsync();
    return 0;
}
catch (Exception exception) when (exception is ArgumentException or OrleansConfigurationException)
{
    return Fail(2, exception.Message); // a name or a text that is not allowed, no connection string
}
catch (Exception exception) when (exception is NpgsqlException or SocketException)
{
    return Fail(1, $"the cluster's database cannot be asked for silos: {exception.Message}");
}
catch (Exception exception) when (exception is OrleansException or TimeoutException)
{
    return Fail(1, $"there is no cluster to talk to: {exception.Message}");
}

static int Fail(int exitCode, string reason)
{
    Console.Error.WriteLine($"other-service: {reason}");
    return exitCode;
}
