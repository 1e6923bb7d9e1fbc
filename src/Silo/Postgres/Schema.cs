using System.Reflection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Realtime.Silo.Hosting;

namespace Realtime.Silo.Postgres;

/// <summary>
/// The tables of this product, made and brought up to date by whichever silo starts first. Each step is a file
/// <c>Sql/NNN_name.sql</c>; the table <c>realtime_schema</c> says which have been applied.
/// </summary>
/// <remarks>
/// Steps only add to what is there: while a new release is rolled out, silos of the one before still use the tables.
/// </remarks>
internal sealed partial class Schema(string connectionString, DatabaseWait wait, TimeProvider time, ILogger<Schema> logger)
{
    /// <summary>Held while steps are applied, so that silos which start at once do it one after another. Any number does, if it is always the same.</summary>
    private const long LockKey = 0x7265616C74696D65; // "realtime"

    private static readonly string s_createVersions = """
        CREATE TABLE IF NOT EXISTS realtime_schema (
            version    integer PRIMARY KEY,
            name       text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now())
        """;

    /// <summary>Tries until the database is there and its schema is up to date.</summary>
    public Task Wait(CancellationToken cancellation) => wait.Until(Apply, Explain, cancellation);

    private string? Explain(Exception exception) => PostgresProblem.Find(exception) is { } problem
        ? $"{PostgresProblem.Address(connectionString)}: {PostgresProblem.Reason(problem)}"
        : null;

    /// <summary>
    /// Applies the steps that the database does not have yet, all or none. Where there are none left it only reads, so that a silo's user
    /// needs no right to make tables.
    /// </summary>
    public async Task Apply(CancellationToken cancellation)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var connection = await source.OpenConnectionAsync(cancellation);
        var steps = Steps();
        var version = await ReadVersion(connection, cancellation);
        if (version < steps[^1].Version)
            version = await Apply(connection, steps, cancellation);
        if (version > steps[^1].Version)
            LogNewer(version, steps[^1].Version);
        var databaseTime = (DateTime)(await Execute(connection, "SELECT clock_timestamp()", cancellation))!;
        var skew = time.GetUtcNow().UtcDateTime - databaseTime;
        if (skew.Duration() > ClusterSettings.AllowedSkew)
            LogSkew(skew.TotalSeconds);
    }

    private async Task<int> Apply(NpgsqlConnection connection, Step[] steps, CancellationToken cancellation)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        // Released at the end of the transaction, also when this process dies within it.
        await Execute(connection, $"SELECT pg_advisory_xact_lock({LockKey})", cancellation);
        await Execute(connection, "SET LOCAL client_min_messages = warning", cancellation);
        await Execute(connection, s_createVersions, cancellation);
        var version = await ReadVersion(connection, cancellation);
        foreach (var step in steps.Where(step => step.Version > version))
        {
            await Execute(connection, step.Sql, cancellation);
            await Execute(connection, $"INSERT INTO realtime_schema (version, name) VALUES ({step.Version}, '{step.Name}')", cancellation);
            LogApplied(step.Version, step.Name);
        }
        await transaction.CommitAsync(cancellation);
        return Math.Max(version, steps[^1].Version);
    }

    /// <summary>0 for a database without schema.</summary>
    private static async Task<int> ReadVersion(NpgsqlConnection connection, CancellationToken cancellation) =>
        await Execute(connection, "SELECT to_regclass('realtime_schema') IS NOT NULL", cancellation) is true
            ? (int)(await Execute(connection, "SELECT coalesce(max(version), 0) FROM realtime_schema", cancellation))!
            : 0;

    private static async Task<object?> Execute(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancellation);
    }

    private sealed record Step(int Version, string Name, string Sql);

    /// <summary>The files, by version. <c>Realtime.Silo.Postgres.Sql.001_orleans.sql</c> is version 1, "orleans".</summary>
    private static Step[] Steps()
    {
        var assembly = Assembly.GetExecutingAssembly();
        return [.. assembly.GetManifestResourceNames()
            .Where(resource => resource.EndsWith(".sql", StringComparison.Ordinal))
            .Select(resource =>
            {
                var file = resource.Split('.')[^2];
                using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
                return new Step(int.Parse(file.AsSpan(0, 3), System.Globalization.CultureInfo.InvariantCulture), file[4..], reader.ReadToEnd());
            })
            .OrderBy(step => step.Version)];
    }

    [LoggerMessage(2, LogLevel.Information, "Database schema: applied step {Version}, {Name}.")]
    private partial void LogApplied(int version, string name);

    [LoggerMessage(3, LogLevel.Warning, "The database's schema has version {Version}, made by a newer release; this one knows version {Known}.")]
    private partial void LogNewer(int version, int known);

    [LoggerMessage(4, LogLevel.Warning, "This machine's clock differs from the database's by {Seconds:0.0} s. Silos judge each other by their clocks: set them right.")]
    private partial void LogSkew(double seconds);
}
