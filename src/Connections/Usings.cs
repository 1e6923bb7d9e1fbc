global using Realtime.Connections.Frames;
global using Realtime.Connections.Hosting;
global using Realtime.Connections.Listening;
global using Realtime.Connections.Receiving;
global using Realtime.Connections.Registry;
global using Realtime.Connections.Sending;
global using Realtime.Connections.Transport;
global using Realtime.Connections.Upgrade;
