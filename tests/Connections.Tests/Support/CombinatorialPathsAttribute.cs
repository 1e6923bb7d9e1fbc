using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace Realtime.Connections.Tests.Support;

/// <summary>Runs a theory over all transports, times the values given.</summary>
public sealed class CombinatorialPathsAttribute(params object[] values) : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker)
    {
        var rows = new List<ITheoryDataRow>();
        foreach (var path in Enum.GetValues<Path>())
            if (values.Length == 0)
                rows.Add(new TheoryDataRow(path));
            else
                rows.AddRange(values.Select(value => new TheoryDataRow(path, value)));
        return new(rows);
    }

    public override bool SupportsDiscoveryEnumeration() => true;
}
