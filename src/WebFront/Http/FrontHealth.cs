using Realtime.WebFront.Operation;

namespace Realtime.WebFront.Http;

/// <summary>
/// Ready: the front receives its stream, so clients that connect are served. It is no health check of ASP.NET Core's, since those of the
/// host, and the endpoints where it shows them, are the host's.
/// </summary>
internal sealed class FrontHealth(FrontService front, FrontDrain drain, IFrontDependency? dependency = null)
{
    /// <summary>Why the front is not ready; null when it is.</summary>
    public string? Problem => drain.IsOn ? "The front is being drained." : front.IsReady ? null : dependency?.WaitsFor ?? "The front does not hear its stream.";
}
