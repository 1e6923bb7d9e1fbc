using System.Net.Sockets;
using Npgsql;

// A shop that keeps its orders in the database of the cluster's log. An order and the message about it are one transaction:
// either both are there or neither is, without a second call that could fail in between.
if (args is not [var room])
    return Fail(2, "usage: Orders <room>, with the database in Cluster__ConnectionString");
if (Environment.GetEnvironmentVariable("Cluster__ConnectionString") is not { Length: > 0 } database)
    return Fail(2, "Cluster__ConnectionString is not set; it names the database: Host=..;Database=..;Username=..;Password=..");

try
{
    await using var source = NpgsqlDataSource.Create(database);
    await using (var create = source.CreateCommand("CREATE TABLE IF NOT EXISTS shop_orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, article text NOT NULL)"))
        await create.ExecuteNonQueryAsync();
    await Order(source, "a bicycle", isPaid: true);
    await Order(source, "a yacht", isPaid: false);
    await Order(source, "a bell", isPaid: true);
    return 0;
}
catch (ArgumentException exception)
{
    return Fail(2, exception.Message); // no connection string
}
catch (Exception exception) when (exception is NpgsqlException or SocketException)
{
    return Fail(1, $"the database cannot be asked: {exception.Message}");
}

async Task Order(NpgsqlDataSource source, string article, bool isPaid)
{
    await using var connection = await source.OpenConnectionAsync();
    await using var transaction = await connection.BeginTransactionAsync();
    await using var insert = new NpgsqlCommand("INSERT INTO shop_orders (article) VALUES ($1) RETURNING id", connection, transaction);
    insert.Parameters.AddWithValue(article);
    var id = (long)(await insert.ExecuteScalarAsync())!;

    await using var publish = new NpgsqlCommand(
        "SELECT realtime_publish($1, jsonb_build_object('from', 'shop', 'content', $2, 'data', jsonb_build_object('order', $3)), $4)", connection, transaction);
    publish.Parameters.AddWithValue(room);
    publish.Parameters.AddWithValue($"order {id}: {article}");
    publish.Parameters.AddWithValue(id);
    publish.Parameters.AddWithValue($"order-{id}");
    await publish.ExecuteNonQueryAsync();

    if (isPaid)
        await transaction.CommitAsync();
    else
        await transaction.RollbackAsync();
    Console.WriteLine($"order {id}, {article}: {(isPaid ? "kept, and told" : "taken back, and nobody hears of it")}");
}

static int Fail(int exitCode, string reason)
{
    Console.Error.WriteLine($"orders: {reason}");
    return exitCode;
}
