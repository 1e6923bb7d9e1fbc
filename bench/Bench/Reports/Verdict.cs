namespace Realtime.Bench.Reports;

/// <summary>A figure and the bound that it has to keep.</summary>
/// <param name="IsFloor">The figure must be as high as the bound, instead of no higher.</param>
internal sealed record Verdict(string What, double Value, double Bound, bool IsFloor)
{
    public bool IsMet => IsFloor ? Value >= Bound : Value <= Bound;

    public string BoundText => $"{(IsFloor ? "at least" : "at most")} {Spread.Figure(Bound)}";

    public string IsMetText => IsMet ? "met" : "missed";

    public override string ToString() => $"{What}: {Spread.Figure(Value)}; {BoundText} is asked for: {IsMetText}";
}
