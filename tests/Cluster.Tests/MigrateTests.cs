using Npgsql;

namespace Realtime.Cluster.Tests;

/// <summary>A database whose users have the rights of their roles only, as deploy/postgres/roles.sql gives them.</summary>
public sealed class MigrateTests(PostgresFixture postgres)
{
    [Fact]
    public async Task With_a_user_for_each_role_the_migration_makes_the_tables_and_the_cluster_works()
    {
        var database = await postgres.CreateDatabase();
        var roles = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "roles.sql"));
        await Execute(database, roles);
        var passwords = new[] { "migrate", "silo", "front" }.ToDictionary(role => role, _ => Guid.NewGuid().ToString("N"));
        foreach (var (role, password) in passwords)
            await Execute(database, $"ALTER ROLE realtime_{role} PASSWORD '{password}'");
        string As(string role) => new NpgsqlConnectionStringBuilder(database) { Username = $"realtime_{role}", Password = passwords[role] }.ConnectionString;

        // A silo may not make them: it says so, and waits.
        string[] silo = ["--Cluster:AdvertisedAddress=127.0.0.1", $"--Cluster:SiloPort={Ports.Free()}", $"--Cluster:GatewayPort={Ports.Free()}"];
        await using var first = Clusters.StartOne("silo", As("silo"), silo);
        await first.WaitForOutput("permission denied");
        await using (var migrate = Clusters.StartOne("migrate", As("migrate")))
            Assert.Equal(0, await migrate.Ended.WaitAsync(ServerProcess.Patience));
        await using (var again = Clusters.StartOne("migrate", As("migrate")))
            Assert.Equal(0, await again.Ended.WaitAsync(ServerProcess.Patience));
        await Execute(database, roles);

        await using var front = Clusters.StartOne("front", As("front"));
        await front.WaitUntilReady();
        await using var alice = await Client.Connect(front, "alice");
        await alice.Join("lobby");
        await alice.Publish("lobby", "kept");
        await alice.WaitFor("lobby", "kept");

        foreach (var sql in new[] { "SELECT count(*) FROM realtime_messages", "DELETE FROM realtime_silo", "CREATE TABLE mine (id int)" })
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(() => Execute(As("front"), sql));
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        }
        await Assert.ThrowsAsync<PostgresException>(() => Execute(As("silo"), "CREATE TABLE mine (id int)"));
    }

    [Fact]
    public async Task Settings_are_taken_from_files_and_what_is_wrong_there_is_told()
    {
        var folder = Directory.CreateTempSubdirectory("realtime-secrets-");
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "Cluster__SiloPort"), "70000\n");
            await using var process = Clusters.StartOne("silo", null, $"--Secrets={folder.FullName}");
            Assert.Equal(1, await process.Ended.WaitAsync(ServerProcess.Patience));
            Assert.Equal("realtime: Cluster:SiloPort is 70000; it must be from 1 to 65535.", process.Output.Trim());

            await using var other = Clusters.StartOne("silo", null, $"--Secrets={folder.FullName}", "--Cluster:SiloPort=70001");
            Assert.Equal(1, await other.Ended.WaitAsync(ServerProcess.Patience));
            Assert.Equal("realtime: Cluster:SiloPort is 70001; it must be from 1 to 65535.", other.Output.Trim());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
        await using var none = Clusters.StartOne("silo", null, $"--Secrets={folder.FullName}");
        Assert.Equal(1, await none.Ended.WaitAsync(ServerProcess.Patience));
        Assert.Contains("it must be a folder", none.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task There_is_nothing_to_migrate_without_PostgreSQL()
    {
        await using var process = Clusters.StartOne("migrate", null);
        Assert.Equal(1, await process.Ended.WaitAsync(ServerProcess.Patience));
        Assert.StartsWith("realtime: There is nothing to migrate", process.Output.Trim(), StringComparison.Ordinal);
    }

    private static async Task Execute(string database, string sql)
    {
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
