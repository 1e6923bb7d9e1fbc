using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Realtime.Settings;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests.Logs;

public sealed class LogSettingsTests
{
    private const string Database = "Host=db;Database=realtime;Username=realtime;Password=s3cret";

    private static LogSettings Read(params string[] settings) => LogSettings.Read(new ConfigurationBuilder().AddCommandLine(settings).Build());

    [Fact]
    public void Memory_is_the_default() => Assert.False(Read().UsesPostgres);

    [Fact]
    public void A_cluster_in_a_database_keeps_its_messages_there_too()
    {
        var settings = Read("--Cluster:Clustering=postgres", $"--Cluster:ConnectionString={Database}", "--Cluster:ServiceId=shop");
        Assert.Equal((true, Database, "shop"), (settings.UsesPostgres, settings.ConnectionString, settings.Service));
        Assert.False(Read("--Cluster:Clustering=postgres", $"--Cluster:ConnectionString={Database}", "--Log:Provider=memory").UsesPostgres);
        Assert.Equal("Host=other", Read("--Cluster:Clustering=postgres", $"--Cluster:ConnectionString={Database}", "--Log:ConnectionString=Host=other").ConnectionString);
    }

    [Theory]
    [InlineData("Log:Provider is 'redis'; it must be memory, sqlite or postgres.", "--Log:Provider=redis")]
    [InlineData("Log:ConnectionString is missing; with Log:Provider = postgres it names the database", "--Log:Provider=postgres")]
    [InlineData("Log:ConnectionString is not a PostgreSQL connection string with a host", "--Log:Provider=postgres", "--Log:ConnectionString=s3cret")]
    [InlineData("Log:ConnectionString is missing; with Log:Provider = sqlite it names the file: Data Source=data/realtime.db", "--Log:Provider=sqlite")]
    [InlineData("Log:ConnectionString does not name a file of SQLite; it must be Data Source=.. with a path, and nothing else", "--Log:Provider=sqlite", "--Log:ConnectionString=Data Source=:memory:")]
    [InlineData("Log:ConnectionString does not name a file of SQLite", "--Log:Provider=sqlite", "--Log:ConnectionString=Data Source=a;Password=s3cret")]
    [InlineData("Log:Provider is 'sqlite', which is for a single process", "--Log:Provider=sqlite", "--Log:ConnectionString=Data Source=a", "--Cluster:Role=silo")]
    [InlineData("Log:RoomAge is 00:00:01; it must be from 01:00:00 to 3650.00:00:00.", "--Log:RoomAge=00:00:01")]
    [InlineData("RoomAge", "--Log:RoomAge=long")]
    [InlineData("Log:Providr is no setting (its value is 'memory'); did you mean Provider? There are Provider, ConnectionString, RoomAge.", "--Log:Providr=memory")]
    public void What_is_not_allowed_is_refused_and_says_why(string why, params string[] settings)
    {
        var error = Assert.Throws<OptionsValidationException>(() => Read(settings));
        Assert.Contains(why, error.Message);
        Assert.DoesNotContain("s3cret", error.Message);
    }

    [Fact]
    public void The_first_pattern_that_matches_says_what_a_room_keeps()
    {
        var options = new ConfigurationBuilder().AddCommandLine(
        [
            "--Patterns:0:Room=orders-1", "--Patterns:0:HistoryMessages=5",
            "--Patterns:1:Room=orders-*", "--Patterns:1:HistoryMessages=1000", "--Patterns:1:HistoryAge=01:00:00",
            "--Patterns:2:Room=orders-2", "--Patterns:2:HistoryMessages=7",
        ]).Build().Get<RoomOptions>()!;
        Assert.Empty(SettingsCheck.Problems("Rooms", options));
        Assert.Equal(new Retention(5, TimeSpan.FromMinutes(10)), options.RetentionOf("orders-1"));
        Assert.Equal(new Retention(1000, TimeSpan.FromHours(1)), options.RetentionOf("orders-2"));
        Assert.Equal(new Retention(300, TimeSpan.FromMinutes(10)), options.RetentionOf("lobby"));
        Assert.Equal(TimeSpan.FromHours(1), options.LongestHistoryAge);
    }

    [Fact]
    public void Patterns_out_of_their_range_are_refused()
    {
        var options = new RoomOptions { Patterns = [new() { Room = "a*b" }, new() { Room = "a", HistoryMessages = -1, HistoryAge = TimeSpan.Zero }] };
        Assert.Equal(
        [
            "Rooms:Patterns:0:Room is 'a*b'. The pattern 'a*b' has '*' before its end; it may only be the last character.",
            "Rooms:Patterns:1:HistoryMessages is -1; it must be from 0 to 100000.",
            "Rooms:Patterns:1:HistoryAge is 00:00:00; it must be from 00:00:01 to 1.00:00:00.",
        ], SettingsCheck.Problems("Rooms", options));
    }
}
