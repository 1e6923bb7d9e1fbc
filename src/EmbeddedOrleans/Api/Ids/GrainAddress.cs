namespace Orleans.Runtime;

/// <summary>Where a grain is activated.</summary>
[Immutable, GenerateSerializer]
public sealed record GrainAddress
{
    [Id(0)]
    public GrainId GrainId { get; init; }

    [Id(1)]
    public ActivationId ActivationId { get; init; }

    [Id(2)]
    public SiloAddress? SiloAddress { get; init; }

    public override string ToString() => $"[{GrainId} {ActivationId} {SiloAddress}]";
}
