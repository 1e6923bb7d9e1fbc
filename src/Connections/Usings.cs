global using Realtime.Connections.Transport;
