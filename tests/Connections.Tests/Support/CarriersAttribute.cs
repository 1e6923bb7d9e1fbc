using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace Realtime.Connections.Tests.Support;

/// <summary>Runs a theory over this library's transport and the reference, times the values given.</summary>
public sealed class CarriersAttribute(params object[] values) : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker)
    {
        var rows = new List<ITheoryDataRow>();
        foreach (var carrier in Enum.GetValues<Carrier>())
            if (values.Length == 0)
                rows.Add(new TheoryDataRow(carrier));
            else
                rows.AddRange(values.Select(value => new TheoryDataRow(carrier, value)));
        return new(rows);
    }

    public override bool SupportsDiscoveryEnumeration() => true;
}
