using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using System.Text;
using Realtime.Settings;

namespace Realtime.Silo.Webhooks;

/// <summary>Who is told by HTTP what happens in rooms, and how; configuration section <c>Webhooks</c>.</summary>
public sealed class WebhookOptions : ISettings
{
    /// <summary>The receivers. A room tells all whose pattern fits, each for itself.</summary>
    public IList<WebhookRule> Receivers { get; set; } = [];

    /// <summary>How long events wait for others that go in the same request. 0 to 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:10")]
    public TimeSpan BatchDelay { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The most events in a request. 1 to 10,000.</summary>
    [Range(1, 10_000)]
    public int BatchEvents { get; set; } = 500;

    /// <summary>The most bytes of a request, unless a single event has more. 1,024 to 16 MiB.</summary>
    [Range(1024, 16 * 1024 * 1024)]
    public int BatchBytes { get; set; } = 512 * 1024;

    /// <summary>How many requests of a silo are under way to one receiver. 1 to 100.</summary>
    [Range(1, 100)]
    public int Concurrency { get; set; } = 8;

    /// <summary>How long a receiver may take to answer. 100 ms to 2 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:02:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>About how long it takes until a room's request that was not accepted is made again; each time twice as long, up to <see cref="MaxRetryDelay"/>. 10 ms to 1 h.</summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "01:00:00")]
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest of these times. 10 ms to 1 day, at least <see cref="RetryDelay"/>.</summary>
    [Range(typeof(TimeSpan), "00:00:00.01", "1.00:00:00")]
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Events that were not accepted for so long are dropped, and the receiver is told. 1 s to 7 days.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "7.00:00:00")]
    public TimeSpan MaxAge { get; set; } = TimeSpan.FromDays(1);

    /// <summary>How many events of a room wait for a receiver; what comes beyond is dropped, and the receiver is told. 1 to 10,000,000.</summary>
    [Range(1, 10_000_000)]
    public int BacklogEvents { get; set; } = 10_000;

    /// <summary>How many bytes of them. 1,024 to 1 GiB.</summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int BacklogBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>How many bytes wait in a silo, for all rooms and receivers. 64 KiB to 1 TiB.</summary>
    [Range(typeof(long), "65536", "1099511627776")]
    public long TotalBacklogBytes { get; set; } = 256 * 1024 * 1024;

    internal static readonly SettingsSection Settings = new("Webhooks", typeof(WebhookOptions));

    IEnumerable<SettingProblem> ISettings.Problems()
    {
        if (MaxRetryDelay < RetryDelay)
            yield return new(nameof(MaxRetryDelay), $"is {MaxRetryDelay}, and Webhooks:RetryDelay is {RetryDelay}; it must be at least as long.");
        foreach (var (index, receiver) in Receivers.Index())
        {
            if (Receivers.Take(index).Any(other => other.Key == receiver.Key))
                yield return new($"{nameof(Receivers)}:{index}", "has the Room and Url of another one; each pair may be there once.");
        }
    }
}

/// <summary>A receiver and what it is told; an entry of <c>Webhooks:Receivers</c>.</summary>
public sealed class WebhookRule : ISettings
{
    internal const int MinSecret = 16;
    internal const int MaxSecret = 256;
    internal const int MaxSecrets = 4;

    private NamePattern? _pattern;

    /// <summary>Which rooms: a name, or with <c>*</c> at its end the beginning of many.</summary>
    public string Room { get; set; } = "";

    /// <summary>Where the events are posted: http or https, without user name and fragment.</summary>
    public string Url { get; set; } = "";

    /// <summary>Signs the requests; the receiver has it too. 16 to 256 characters.</summary>
    public string Secret { get; set; } = "";

    /// <summary>
    /// More of them, or these alone, 4 with <see cref="Secret"/>: each signs, and the receiver may know any of them. So one takes another's place while
    /// both know both.
    /// </summary>
    public IList<string> Secrets { get; set; } = [];

    /// <summary>Any of <c>message</c>, <c>join</c>, <c>leave</c>, <c>occupied</c>, <c>vacated</c>; all of them when there are none.</summary>
    public IList<string> Events { get; set; } = [];

    /// <summary>Names the receiver where a room goes to another silo.</summary>
    internal string Key => $"{Room} {Url}";

    /// <summary>Names it in a database, where an address may be nobody's business.</summary>
    internal string Hash => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key)).AsSpan(0, 16));

    internal Uri Address => new(Url);

    internal bool Matches(string room) => (_pattern ??= new NamePattern(Room)).Matches(room);

    internal bool Wants(string type) =>
        Events.Count == 0 || (type == WebhookEvents.Reset ? Events.Any(name => name != WebhookEvents.Message) : Events.Contains(type));

    /// <summary>All that sign.</summary>
    internal IEnumerable<string> AllSecrets => Secret.Length > 0 ? Secrets.Prepend(Secret) : Secrets;

    IEnumerable<SettingProblem> ISettings.Problems()
    {
        if (NamePattern.Problem(Room) is { } problem)
            yield return new(nameof(Room), $"is '{Room}'. {problem}");
        // Its path or query may be secret.
        if (!Uri.TryCreate(Url, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.Host.Length == 0 || url.UserInfo.Length > 0 || url.Fragment.Length > 0)
            yield return new(nameof(Url), "must be an address with http or https and a host, without user name and fragment: https://shop.example/realtime");
        if (!AllSecrets.Any())
            yield return new(nameof(Secret), $"is missing; it must have {MinSecret} to {MaxSecret} characters, which the receiver has too.");
        if (Secret.Length is > 0 and (< MinSecret or > MaxSecret))
            yield return new(nameof(Secret), $"has {Secret.Length} characters; it must have {MinSecret} to {MaxSecret}.");
        if (AllSecrets.Count() > MaxSecrets)
            yield return new(nameof(Secrets), $"has {Secrets.Count} entries; with Secret there may be {MaxSecrets}.");
        foreach (var (index, secret) in Secrets.Index())
        {
            if (secret.Length is < MinSecret or > MaxSecret)
                yield return new($"{nameof(Secrets)}:{index}", $"has {secret.Length} characters; it must have {MinSecret} to {MaxSecret}.");
            else if (secret == Secret || Secrets.IndexOf(secret) < index)
                yield return new($"{nameof(Secrets)}:{index}", "is there twice; each secret may be there once.");
        }
        foreach (var (index, name) in Events.Index())
        {
            if (!WebhookEvents.Types.Contains(name))
                yield return new($"{nameof(Events)}:{index}", $"is '{name}'; it must be one of {string.Join(", ", WebhookEvents.Types)}.");
        }
    }
}
