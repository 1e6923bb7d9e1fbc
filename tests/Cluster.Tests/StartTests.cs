using System.Net;
using Npgsql;

namespace Realtime.Cluster.Tests;

/// <summary>What processes say that cannot join a cluster.</summary>
public sealed class StartTests(PostgresFixture postgres)
{
    [Theory]
    [InlineData("silo", "Cluster:Clustering", "etcd", "Cluster:Clustering is 'etcd'; it must be localhost, postgres or redis.")]
    [InlineData("silo", "Streams:Provider", "kafka", "Streams:Provider is 'kafka'; it must be push or memory.")]
    [InlineData("single", "Cluster:Role", "server", "Cluster:Role is 'server'; it must be single, silo, front or migrate.")]
    [InlineData("single", "Cluster:Mode", "client", "did you mean Cluster:Role?")]
    [InlineData("silo", "Cluster:SiloPort", "70000", "Cluster:SiloPort is 70000; it must be from 1 to 65535.")]
    [InlineData("silo", "Cluster:Hostname", "a", "Cluster:Hostname is no setting")]
    [InlineData("silo", "Cluster:Clustering", "postgres", "Cluster:ConnectionString is missing")]
    public async Task A_wrong_setting_ends_the_start_with_one_line(string role, string setting, string value, string told)
    {
        await using var process = Clusters.StartOne(role, null, $"--{setting}={value}");

        Assert.Equal(1, await process.Ended.WaitAsync(ServerProcess.Patience));
        var line = Assert.Single(process.Output.Trim().Split('\n'));
        Assert.StartsWith("realtime: ", line);
        Assert.Contains(told, line);
    }

    /// <summary>Wrong settings, their values and how the line about each begins: those of an entry are given to one process.</summary>
    public static TheoryData<(string Setting, string Value, string Told)[]> WrongSettings => new()
    {
        new (string, string, string)[]
        {
            ("Connections:PingIntervall", "00:00:20", "Connections:PingIntervall is no setting (its value is '00:00:20'); did you mean PingInterval? There are "),
            ("Front:CallTimeuot", "00:00:09", "Front:CallTimeuot is no setting (its value is '00:00:09'); did you mean CallTimeout? There are "),
            ("Front:MaxContentBytez", "5", "Front:MaxContentBytez is no setting (its value is '5'); did you mean Rooms:MaxContentBytes? There are "),
            ("Front:MaxContentBytes", "5", "Front:MaxContentBytes is no setting (its value is '5'); did you mean Rooms:MaxContentBytes? There are "),
            ("Front:SlowConsumers:0:Rom", "a", "Front:SlowConsumers:0:Rom is no setting (its value is 'a'); did you mean Room? There are Room, Policy, Key."),
            ("Front:SlowConsumers:first:Room", "a", "Front:SlowConsumers:first is no entry; those of a list are numbered: Front:SlowConsumers:0, "),
            ("Front:WriteDelay:Rooms", "a", "Front:WriteDelay has settings below it (Rooms); it must be one value."),
            ("Rooms:MaxContentBytes", "abc", "Rooms:MaxContentBytes is 'abc'; it must be a whole number from 1 to 16777216."),
            ("Rooms:HistoryMessages", "100001", "Rooms:HistoryMessages is 100001; it must be from 0 to 100000."),
            ("Connections:PingInterval", "5 minutes", "Connections:PingInterval is '5 minutes'; it must be a time as hh:mm:ss or d.hh:mm:ss from 00:00:00 to 1.00:00:00."),
            ("Connections:EnablePolling", "yes", "Connections:EnablePolling is 'yes'; it must be true or false."),
            ("Connections:SlowConsumer", "1", "Connections:SlowConsumer is '1'; it must be Disconnect or DropOldest."),
            ("Conections:PingInterval", "00:00:20", "Conections is no section; did you mean Connections?"),
            ("Authentication:Schemes:Bearr:ValidIssuer", "i", "Authentication:Schemes:Bearr is no section; did you mean Authentication:Schemes:Bearer?"),
            ("Authentication:Schems:Bearer:ValidIssuer", "i", "Authentication:Schems is no section; did you mean Authentication:Schemes?"),
            ("Authentication:Bearer:Issuer", "i", "Authentication:Bearer is Authentication:Schemes:Bearer now: Issuer is ValidIssuer there, "),
            ("Authentication:Schemes:Bearer:SigningKeys:0:Lenght", "32", "Authentication:Schemes:Bearer:SigningKeys:0:Lenght is no setting"),
            ("Log:Provider", "postgress", "Log:Provider is 'postgress'; it must be memory, sqlite or postgres."),
            ("Urls", "http://127.0.0.1:99999", "Urls is 'http://127.0.0.1:99999'; it must be addresses as http://127.0.0.1:5080, with ports from 0 to 65535"),
            ("Logging:LogLevel:Default", "Warn", "Logging:LogLevel:Default is 'Warn'; it must be Trace, Debug, Information, Warning, Error, Critical or None."),
            ("Logging:Console:LogLevel:Orleans", "Loud", "Logging:Console:LogLevel:Orleans is 'Loud'; it must be Trace, Debug, Information, Warning, Error, Critical or None."),
            ("Log:RoomAge", "48:00:00", "Log:RoomAge is '48:00:00'; it must be a time as hh:mm:ss or d.hh:mm:ss from 01:00:00 to 3650.00:00:00."),
            ("Kestrel:Endpoints:Public:Url", "127.0.0.1:5080", "Kestrel:Endpoints:Public:Url is '127.0.0.1:5080'; it must be an address as http://127.0.0.1:5080"),
        },
        new (string, string, string)[]
        {
            ("Front", "a", "Front is one value; it must be a group of settings."),
            ("Rooms:MaxContentBytes", "", "Rooms:MaxContentBytes is ''; it must be a whole number from 1 to 16777216."),
            ("Rooms:HistoryMessages", "99999999999", "Rooms:HistoryMessages is '99999999999'; it must be a whole number from 0 to 100000."),
            ("Connections:PingInterval", "5", "Connections:PingInterval is '5'; it must be a time as hh:mm:ss"),
            ("Log:Provider", "postgres", "Log:ConnectionString is missing; with Log:Provider = postgres it names the database"),
        },
        new (string, string, string)[]
        {
            ("Front:SlowConsumers", "a", "Front:SlowConsumers is 'a'; it must be a list: "),
        },
    };

    [Theory]
    [MemberData(nameof(WrongSettings), DisableDiscoveryEnumeration = true)]
    public async Task What_is_wrong_with_a_front_s_setting_is_one_line_that_says_what_is_allowed((string Setting, string Value, string Told)[] wrong)
    {
        await using var process = Clusters.StartOne("single", null, [.. wrong.Select(one => $"--{one.Setting}={one.Value}")]);

        Assert.Equal(1, await process.Ended.WaitAsync(ServerProcess.Patience));
        var lines = process.Output.Trim().Split('\n').ToList();
        foreach (var (_, _, told) in wrong)
            lines.Remove(Assert.Single(lines, line => line.StartsWith($"realtime: {told}", StringComparison.Ordinal)));
        Assert.Empty(lines);
    }

    [Fact]
    public async Task All_that_is_wrong_is_told_at_once_and_no_secret_with_it()
    {
        await using var process = Clusters.StartOne("single", null,
            "--Cluster:ConectionString=Password=s3cret", "--Log:Pasword=s3cret", "--Authentication:Schemes:Bearer:SigningKeys:0:Valu=s3cret",
            "--Authentication:Schemes:Bearer:SigningKeys:1=s3cret", "--Rooms:HistoryAge=long", "--Front:MaxRoomsPerConnection=0", "--Connections:Pings=1");

        Assert.Equal(1, await process.Ended.WaitAsync(ServerProcess.Patience));
        var lines = process.Output.Trim().Split('\n');
        Assert.Equal(
        [
            "Authentication:Schemes:Bearer:SigningKeys:0:Valu", "Authentication:Schemes:Bearer:SigningKeys:1", "Cluster:ConectionString", "Connections:Pings", "Front:MaxRoomsPerConnection", "Log:Pasword", "Rooms:HistoryAge",
        ], lines.Select(line => line.Split(' ')[1]).Order(StringComparer.Ordinal));
        Assert.All(lines, line => Assert.StartsWith("realtime: ", line));
        Assert.DoesNotContain("s3cret", process.Output);
    }

    [Fact]
    public async Task What_is_missing_is_told_with_what_is_wrong_in_all_sections()
    {
        await using var process = Clusters.StartOne("single", null, "--environment=Production",
            "--Cluster:Clustering=redis", "--Cluster:SiloPort=x", "--Log:Provider=postgres", "--Rooms:Patterns:3:HistoryMessages=x", "--Rooms:Patterns:7:Room=a*b",
            "--Front:SlowConsumers:1:Room=a", "--Front:SlowConsumers:1:Policy=Conflate", "--Connections:PingInterval=00:02:00", "--Streams:SubscriberTimeout=00:00:02",
            "--Authentication:Schemes:Bearer:ClockSkew=x");

        Assert.Equal(1, await process.Ended.WaitAsync(ServerProcess.Patience));
        Assert.Equal(
        [
            "Authentication:Schemes:Bearer has no", "Authentication:Schemes:Bearer:ClockSkew is 'x'", "Cluster:ConnectionString is missing", "Cluster:SiloPort is 'x'",
            "Connections:PingInterval is 00:02:00", "Front:SlowConsumers:1:Key is missing", "Log:ConnectionString is missing", "Rooms does not", "Rooms:Patterns:3:HistoryMessages is 'x'",
            "Rooms:Patterns:7:Room is 'a*b'.", "Streams:SubscriberTimeout is 00:00:02",
        ], process.Output.Trim().Split('\n').Select(line => string.Join(' ', line.Split(' ')[1..4]).TrimEnd(';')).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("single", "Rooms does not say who may do what. In the environment 'Production' choose: rules (Rooms:Access), what tokens say (Rooms:Capabilities=true), ")]
    [InlineData("front", "Rooms:Access:0:Policy is 'p'; the application has no authorization policy of this name.", "--Rooms:Access:0:Room=a", "--Rooms:Access:0:Policy=p")]
    [InlineData("silo", "Rooms:Access:3:Allow:0 is 'fly'; for a Room it must be one of join, publish, history, members, presence, *.", "--Rooms:Access:3:Room=a", "--Rooms:Access:3:Allow:0=fly")]
    public async Task Who_may_do_what_must_be_chosen_outside_development(string role, string told, params string[] settings)
    {
        await using var process = Clusters.StartOne(role, null,
        [
            "--environment=Production", "--Authentication:Schemes:Bearer:JwksUrl=https://127.0.0.1/keys", "--Authentication:Schemes:Bearer:ValidIssuer=i",
            "--Authentication:Schemes:Bearer:ValidAudience=a", .. settings,
        ]);

        Assert.Equal(1, await process.Ended.WaitAsync(ServerProcess.Patience));
        Assert.StartsWith($"realtime: {told}", Assert.Single(process.Output.Trim().Split('\n')));
    }

    [Theory]
    [InlineData("silo", "Front:MaxRoomsPerConnection", "0", "Front:MaxRoomsPerConnection is 0; it must be from 1 to 100000.")]
    [InlineData("silo", "Conections:PingInterval", "00:00:20", "Conections is no section; did you mean Connections?")]
    [InlineData("front", "Leases:FrontLeese", "00:00:20", "Leases:FrontLeese is no setting (its value is '00:00:20'); did you mean FrontLease?")]
    public async Task Settings_of_another_role_are_looked_at_as_well(string role, string setting, string value, string told)
    {
        await using var process = Clusters.StartOne(role, null, $"--{setting}={value}");

        Assert.Equal(1, await process.Ended.WaitAsync(ServerProcess.Patience));
        Assert.StartsWith($"realtime: {told}", Assert.Single(process.Output.Trim().Split('\n')));
    }

    [Theory]
    [InlineData("silo")]
    [InlineData("front")]
    public async Task A_wrong_password_is_told_with_the_address_and_the_process_waits(string role)
    {
        var right = new NpgsqlConnectionStringBuilder(await postgres.CreateDatabase());
        var wrong = new NpgsqlConnectionStringBuilder(right.ConnectionString) { Password = "not-it" };
        await Waits(role, wrong.ConnectionString, $"PostgreSQL at 127.0.0.1:{right.Port}, database {right.Database}, user realtime: password authentication failed");
    }

    [Theory]
    [InlineData("silo")]
    [InlineData("front")]
    public async Task A_database_that_cannot_be_reached_is_told_with_the_address_and_the_process_waits(string role)
    {
        var port = Ports.Free();
        await Waits(role, $"Host=127.0.0.1;Port={port};Database=d;Username=u;Password=not-it", $"PostgreSQL at 127.0.0.1:{port}, database d, user u: ");
    }

    private static async Task Waits(string role, string connectionString, string told)
    {
        await using var process = Clusters.StartOne(role, connectionString, PortsOf(role));
        await process.WaitForHealth("live", (status, _) => status == HttpStatusCode.OK);
        await process.WaitForHealth("ready", (status, body) => status == HttpStatusCode.ServiceUnavailable && body.Contains(told));
        await process.WaitForOutput(told);
        Assert.DoesNotContain("not-it", process.Output);
        Assert.DoesNotContain("   at ", process.Output); // no stack trace

        process.Send(Signal.Terminate);
        Assert.Equal(0, await process.Ended.WaitAsync(ServerProcess.Patience));
    }

    [Fact]
    public async Task A_front_alone_is_alive_and_not_ready_and_so_is_a_silo_alone_until_they_find_each_other()
    {
        var database = await postgres.CreateDatabase();
        await using var front = Clusters.StartOne("front", database);
        await front.WaitForHealth("live", (status, _) => status == HttpStatusCode.OK);
        await front.WaitForHealth("ready", (status, body) => status == HttpStatusCode.ServiceUnavailable && body.Contains("no silo has been started on it"));

        await using var lonely = Clusters.StartOne("silo", await postgres.CreateDatabase(), OnFreePorts());
        await lonely.WaitForHealth("ready", (status, body) => status == HttpStatusCode.ServiceUnavailable && body.Contains("No front"));
        Assert.Equal(HttpStatusCode.OK, (await lonely.Health("live")).Status);

        await using var silo = Clusters.StartOne("silo", database, OnFreePorts());
        await silo.WaitUntilReady();
        await front.WaitUntilReady();
    }

    [Fact]
    public async Task A_second_silo_on_the_same_port_is_told_which_one()
    {
        var database = await postgres.CreateDatabase();
        var ports = OnFreePorts();
        await using var first = Clusters.StartOne("silo", database, ports);
        await first.WaitForHealth("ready", (_, body) => body.Contains("No front"));

        await using var second = Clusters.StartOne("silo", database, ports);

        Assert.Equal(1, await second.Ended.WaitAsync(ServerProcess.Patience));
        Assert.Contains($"Port {ports[0].Split('=')[1]} of Cluster:SiloPort is taken by another process, perhaps another silo", second.Output);
        Assert.DoesNotContain("   at ", second.Output);
        Assert.Equal(HttpStatusCode.OK, (await first.Health("live")).Status);
    }

    [Fact]
    public async Task Silos_that_start_at_once_make_the_schema_once_and_a_later_one_uses_it()
    {
        var database = await postgres.CreateDatabase();
        var silos = Enumerable.Range(0, 3).Select(_ => Clusters.StartOne("silo", database, OnFreePorts())).ToList();
        foreach (var silo in silos)
            await silo.WaitForHealth("ready", (_, body) => body.Contains("No front"));

        Assert.Single(silos, silo => silo.Output.Contains("applied step 1"));
        await using (var connection = new NpgsqlConnection(database))
        {
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand("SELECT string_agg(version || ' ' || name, ',' ORDER BY version) FROM realtime_schema", connection);
            Assert.Equal("1 orleans,2 room_log,3 outbox,4 webhooks,5 state", await command.ExecuteScalarAsync());
        }
        foreach (var silo in silos)
            await silo.DisposeAsync();
    }

    private static string[] OnFreePorts() =>
        [$"--Cluster:SiloPort={Ports.Free()}", $"--Cluster:GatewayPort={Ports.Free()}", "--Cluster:AdvertisedAddress=127.0.0.1"];

    private static string[] PortsOf(string role) => role == "front" ? [] : OnFreePorts();
}
