namespace Realtime.Backplane;

/// <summary>What was measured of one pair of servers.</summary>
/// <param name="Name">Of the backplane.</param>
/// <param name="P50">Milliseconds from a client of one server to a client of the other: half of the messages took no longer.</param>
/// <param name="P99">The same of 99 in a hundred.</param>
/// <param name="PacedCpu">Microseconds of CPU per delivery, at a fixed rate; of both servers, and of Redis.</param>
/// <param name="FullCpu">The same when publishers send as fast as they are answered.</param>
/// <param name="FullRate">Deliveries a second then.</param>
internal sealed record Figures(string Name, double P50, double P99, double PacedCpu, double FullCpu, double FullRate)
{
    public override string ToString() =>
        $"{Name,-9} p50 {P50:0.000} ms, p99 {P99:0.000} ms; CPU per delivery {PacedCpu:0.0} us at {Measurement.Rate} messages/s, {FullCpu:0.0} us at {FullRate:N0} deliveries/s";

    public static Figures Median(string name, Figures[] all)
    {
        return new(name, Of(figures => figures.P50), Of(figures => figures.P99), Of(figures => figures.PacedCpu), Of(figures => figures.FullCpu), Of(figures => figures.FullRate));

        double Of(Func<Figures, double> value) => all.Select(value).Order().ElementAt(all.Length / 2);
    }
}
