using System.Globalization;
using Microsoft.Extensions.Configuration;
using Npgsql;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Grains;
using Realtime.Silo;
using Realtime.Silo.Hosting;

namespace Realtime.WebFront.Tests;

/// <summary>Messages that are published within an application's own transaction, on a real PostgreSQL.</summary>
[Collection(ClusterCollection.Name)]
public sealed class OutboxTests(PostgresFixture postgres) : IAsyncLifetime
{
    private string _database = "";
    private InProcessTestCluster _cluster = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await postgres.CreateDatabase();
        var builder = new InProcessTestClusterBuilder(2);
        builder.ConfigureHost(host => host.Configuration.AddInMemoryCollection([new("Log:Provider", "postgres"), new("Log:ConnectionString", _database)]));
        builder.ConfigureSilo((_, silo) => silo.UseClusterTimings().AddRealtime());
        builder.ConfigureClient(client => client.UseClusterTimings().AddRealtimeClient());
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_cluster is not null)
            await _cluster.DisposeAsync();
    }

    private async Task<NpgsqlConnection> Open()
    {
        var connection = new NpgsqlConnection(_database);
        await connection.OpenAsync().WaitAsync(TestClient.Bound);
        return connection;
    }

    private static async Task<object?> Execute(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync().WaitAsync(TestClient.Bound);
    }

    private static async Task Until(NpgsqlConnection connection, string question)
    {
        using var bound = new CancellationTokenSource(TestClient.Bound);
        while (await Execute(connection, question) is not true)
            await Task.Delay(10, bound.Token);
    }

    [Fact]
    public async Task What_is_committed_is_delivered_once_and_in_order_and_what_is_rolled_back_is_not()
    {
        await using var front = await Front.Start(_cluster.Client, null, []);
        await using var alice = await front.Connect("alice");
        await alice.Join("orders");
        await using var application = await Open();
        await Execute(application, "CREATE TABLE orders (id int)");
        await Execute(application, """BEGIN; INSERT INTO orders VALUES (1); SELECT realtime_publish('orders', '{"content":"never"}'); ROLLBACK""");
        await Execute(application, """
            BEGIN;
            INSERT INTO orders VALUES (2);
            SELECT realtime_publish('orders', '{"content":"1","data":{"order":2},"from":"billing"}', 'order-2');
            SELECT realtime_publish('.', '{"content":"of a room that may not be called so"}');
            SELECT realtime_publish('orders', '{"content":"2"}');
            SELECT realtime_publish('orders', '{"content":"1","data":{"order":2},"from":"billing"}', 'order-2');
            SELECT realtime_publish('orders', '{"data":3}');
            COMMIT
            """);

        var first = await alice.Receive("message");
        Assert.Equal(("1", "{\"order\":2}", "billing", true), ((string?)first["content"], first["data"]!.ToJsonString().Replace(" ", "", StringComparison.Ordinal), (string?)first["from"], (bool)first["service"]!));
        Assert.Equal("2", (string?)(await alice.Receive("message"))["content"]);
        var last = await alice.Receive("message");
        Assert.Equal((3, 3), ((int)last["data"]!, (int)last["seq"]!));
        await Until(application, "SELECT count(*) = 1 FROM realtime_outbox");
        Assert.StartsWith("name_invalid: ", (string?)await Execute(application, "SELECT error FROM realtime_outbox WHERE room = '.'"), StringComparison.Ordinal);
        Assert.Empty(await alice.Drain());
    }

    [Fact]
    public async Task What_is_wrong_ends_the_statement_and_only_who_may_publishes()
    {
        await using var application = await Open();
        foreach (var (arguments, told) in new[]
        {
            ("'', '{\"content\":\"x\"}'", "the room has no name of 1 to 128 bytes"),
            ("NULL, '{\"content\":\"x\"}'", "the room has no name of 1 to 128 bytes"),
            ($"'{new string('é', 65)}', '{{\"content\":\"x\"}}'", "the room has no name of 1 to 128 bytes"),
            ("'a', NULL", "the body must be a JSON object with content or data"),
            ("'a', '[]'", "the body must be a JSON object with content or data"),
            ("'a', '{}'", "the body needs content or data"),
            ("'a', '{\"content\":1}'", "content must be a string"),
            ("'a', '{\"content\":\"x\",\"from\":null}'", "from must be a string"),
            ("'a', '{\"content\":\"x\",\"form\":\"x\"}'", "the body may have content, data and from, and nothing else"),
            ("'a', '{\"content\":\"x\"}', ''", "the id must have 1 to 128 bytes"),
            ("'a', jsonb_build_object('content', repeat('x', 262144))", "the body has more than 262144 bytes"),
        })
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(() => Execute(application, $"SELECT realtime_publish({arguments})"));
            Assert.Equal(("22023", $"realtime_publish: {told}"), (refused.SqlState, refused.MessageText));
        }

        await Execute(application, "CREATE ROLE shop; GRANT USAGE ON SCHEMA public TO shop; SET ROLE shop");
        const string publish = """SELECT realtime_publish('a', '{"content":"x"}')""";
        Assert.Equal("42501", (await Assert.ThrowsAsync<PostgresException>(() => Execute(application, publish))).SqlState);
        await Execute(application, "RESET ROLE; GRANT EXECUTE ON FUNCTION realtime_publish TO shop; SET ROLE shop");
        await Execute(application, publish);
        Assert.Equal("42501", (await Assert.ThrowsAsync<PostgresException>(() => Execute(application, "SELECT * FROM realtime_outbox"))).SqlState);
        await Execute(application, "RESET ROLE; DROP OWNED BY shop; DROP ROLE shop");
    }

    [Fact]
    public async Task A_silo_that_dies_between_the_room_and_the_outbox_delivers_nothing_twice()
    {
        const int rooms = 8; // so that each silo has some
        await using var application = await Open();
        await Execute(application, "SELECT realtime_publish('opened', '{\"content\":\"0\"}')");
        await Until(application, "SELECT count(*) = 0 FROM realtime_outbox"); // so there is a reader
        await using var gate = await Open();
        await Execute(gate, """
            CREATE FUNCTION wait_for_gate() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END';
            CREATE TRIGGER gate BEFORE DELETE ON realtime_outbox FOR EACH STATEMENT EXECUTE FUNCTION wait_for_gate();
            SELECT pg_advisory_lock(42)
            """);
        await Execute(application, $$"""SELECT realtime_publish('room' || (i % {{rooms}}), jsonb_build_object('content', i::text)) FROM generate_series(0, {{(2 * rooms) - 1}}) AS i""");
        const string reader = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted";
        await Until(application, $"SELECT EXISTS ({reader})"); // all is kept by the rooms, and nothing deleted

        await _cluster.KillSiloAsync(_cluster.Silos[1]);
        await Execute(application, $"SELECT pg_terminate_backend(pid) FROM ({reader}) AS r"); // in whichever silo it was
        await Execute(gate, "SELECT pg_advisory_unlock(42)");

        await Until(application, "SELECT count(*) = 0 FROM realtime_outbox");
        for (var room = 0; room < rooms; room++)
        {
            var kept = await _cluster.Client.GetGrain<IRoomGrain>($"room{room}").History();
            Assert.Equal([$"\"content\":\"{room}\"", $"\"content\":\"{(room + rooms).ToString(CultureInfo.InvariantCulture)}\""],
                kept.Messages.Select(message => System.Text.Encoding.UTF8.GetString(message.Body)));
        }
    }
}
