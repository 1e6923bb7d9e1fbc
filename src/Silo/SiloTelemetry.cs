namespace Realtime.Silo;

/// <summary>The names by which the measurements of this library are collected, as with OpenTelemetry's <c>AddMeter</c>.</summary>
public static class SiloTelemetry
{
    /// <summary>The meter.</summary>
    public const string MeterName = "Realtime.Silo";
}
