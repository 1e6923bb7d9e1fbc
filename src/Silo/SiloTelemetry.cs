namespace Realtime.Silo;

/// <summary>The names by which the measurements and traces of this library are collected, as with OpenTelemetry's <c>AddMeter</c> and <c>AddSource</c>.</summary>
public static class SiloTelemetry
{
    /// <summary>The meter.</summary>
    public const string MeterName = "Realtime.Silo";

    /// <summary>The source of activities.</summary>
    public const string ActivitySourceName = "Realtime.Silo";
}
