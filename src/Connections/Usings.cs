global using Realtime.Connections.Receiving;
global using Realtime.Connections.Sending;
global using Realtime.Connections.Transport;
