namespace Realtime.Connections.Hosting;

/// <summary>What all connections of one endpoint share.</summary>
internal sealed class ConnectionEndpoint
{
    public ConnectionEndpoint(ConnectionServices services, ConnectionOptions options, ConnectionHandler handler)
    {
        Services = services;
        Options = options;
        Handler = handler;
        ObservesSends = handler.OverridesOnSend;
    }

    public ConnectionServices Services { get; }
    public ConnectionOptions Options { get; }
    public ConnectionHandler Handler { get; }
    public bool ObservesSends { get; }
    public bool MayLeave => Services.MayLeave && Options.EnablePolling;
}
