namespace Orleans.Runtime;

/// <summary>Tells apart the activations that a grain has had.</summary>
[Immutable, GenerateSerializer]
public readonly record struct ActivationId([property: Id(0)] Guid Key)
{
    public bool IsDefault => Key == Guid.Empty;

    public static ActivationId NewId() => new(Guid.NewGuid());

    public override string ToString() => $"@{Key:N}";
}
