using Microsoft.AspNetCore.Identity;
using Microsoft.Data.Sqlite;

namespace Realtime.Teams;

/// <summary>The product's own tables, in SQLite: who there is, and who is in which team. In memory, so that each start is the same.</summary>
internal sealed class TeamStore : IDisposable
{
    // In memory for as long as a connection is open.
    private const string Database = "Data Source=teams;Mode=Memory;Cache=Shared";

    private readonly PasswordHasher<string> _hasher = new();
    private readonly SqliteConnection _open = new(Database);

    public TeamStore()
    {
        _open.Open();
        Execute("create table users (name text primary key, password text not null)");
        Execute("create table members (team text not null, user text not null, owner integer not null, primary key (team, user))");
        foreach (var name in new[] { "alice", "bob", "mallory" })
            Execute("insert into users values ($name, $password)", ("$name", name), ("$password", _hasher.HashPassword(name, name)));
        Execute("insert into members values ('red', 'alice', 1), ('red', 'bob', 0), ('blue', 'mallory', 1)");
    }

    public bool IsPassword(string name, string password) =>
        Scalar("select password from users where name = $name", ("$name", name)) is string hash
        && _hasher.VerifyHashedPassword(name, hash, password) != PasswordVerificationResult.Failed;

    public bool IsMember(string team, string user) =>
        Scalar("select 1 from members where team = $team and user = $user", ("$team", team), ("$user", user)) is not null;

    public bool IsOwner(string team, string user) =>
        Scalar("select 1 from members where team = $team and user = $user and owner = 1", ("$team", team), ("$user", user)) is not null;

    /// <summary>False when there is no such user.</summary>
    public bool Add(string team, string user)
    {
        if (Scalar("select 1 from users where name = $user", ("$user", user)) is null)
            return false;
        Execute("insert or ignore into members values ($team, $user, 0)", ("$team", team), ("$user", user));
        return true;
    }

    public bool Remove(string team, string user) =>
        Execute("delete from members where team = $team and user = $user", ("$team", team), ("$user", user)) > 0;

    public void Dispose() => _open.Dispose();

    private static int Execute(string sql, params (string Name, object Value)[] parameters) => Run(sql, parameters, command => command.ExecuteNonQuery());

    private static object? Scalar(string sql, params (string Name, object Value)[] parameters) => Run(sql, parameters, command => command.ExecuteScalar());

    private static T Run<T>(string sql, (string Name, object Value)[] parameters, Func<SqliteCommand, T> run)
    {
        using var connection = new SqliteConnection(Database);
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
            command.Parameters.AddWithValue(name, value);
        return run(command);
    }
}
