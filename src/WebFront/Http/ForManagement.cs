namespace Realtime.WebFront.Http;

/// <summary>Marks the endpoints that are for those who run the front: metrics, health, the description of the API, the pages.</summary>
internal sealed class ForManagement
{
    public static readonly ForManagement Metadata = new();
}
