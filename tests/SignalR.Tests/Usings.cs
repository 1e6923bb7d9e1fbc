global using Microsoft.AspNetCore.SignalR;
global using Microsoft.AspNetCore.SignalR.Client;
global using Microsoft.Extensions.DependencyInjection;
global using Orleans;
global using Orleans.Hosting;
global using Orleans.Runtime;
global using Orleans.TestingHost;
global using Realtime.SignalR.Cluster;
