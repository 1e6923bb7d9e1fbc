using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace Realtime.Connections.Tests.Support;

/// <summary>Runs a theory over all of an enumeration (the transports, or this library's and the reference), times the values given.</summary>
public sealed class CombinatorialAttribute<TEnum>(params object[] values) : DataAttribute
    where TEnum : struct, Enum
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker)
    {
        var rows = new List<ITheoryDataRow>();
        foreach (var item in Enum.GetValues<TEnum>())
            if (values.Length == 0)
                rows.Add(new TheoryDataRow(item));
            else
                rows.AddRange(values.Select(value => new TheoryDataRow(item, value)));
        return new(rows);
    }

    public override bool SupportsDiscoveryEnumeration() => true;
}
