namespace Realtime.WebFront;

/// <summary>The names by which the measurements of this library are collected, as with OpenTelemetry's <c>AddMeter</c>.</summary>
public static class FrontTelemetry
{
    /// <summary>The meter.</summary>
    public const string MeterName = "Realtime.WebFront";
}
