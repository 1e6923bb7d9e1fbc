using System.ComponentModel.DataAnnotations;
using Realtime.Settings;

namespace Realtime.WebFront.Access;

/// <summary>
/// Who may do what in rooms: what a front reads of the configuration section <c>Rooms</c>. Outside Development the start fails until
/// something is chosen: rules, capabilities, an authorization handler of the application, or everything for everybody.
/// </summary>
public sealed class AccessOptions : ISettings
{
    /// <summary>Rules. The first that fits counts, and it alone.</summary>
    public IList<AccessRule> Access { get; set; } = [];

    /// <summary>Whether tokens say what they allow, in the claims <c>rooms</c> and <c>users</c>.</summary>
    public bool Capabilities { get; set; }

    /// <summary>
    /// The claim of tokens that names rooms, a string or an array of them: who connects is put into these by the server, whatever access says of
    /// joins. None when null. 1 to 128 characters.
    /// </summary>
    public string? JoinClaim { get; set; }

    /// <summary>Everybody may do everything. Neither rules nor capabilities stand beside it.</summary>
    public bool Open { get; set; }

    /// <summary>How long authorization may take before the client gets the error <c>unavailable</c>. 100 ms to 1 min.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan AccessTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The settings choose who may do what.</summary>
    internal bool IsChosen => Open || Capabilities || Access.Count > 0;

    /// <summary>Silos read the rest of the section and check it.</summary>
    internal static readonly SettingsSection Settings = new("Rooms", typeof(AccessOptions)) { IsPart = true };

    /// <summary>What is wrong when nothing is chosen and something must be.</summary>
    internal static string NothingChosen(IHostEnvironment environment) =>
        $"Rooms does not say who may do what. In the environment '{environment.EnvironmentName}' choose: rules (Rooms:Access), what tokens say (Rooms:Capabilities=true), "
        + "an AuthorizationHandler<RoomRequirement, RoomResource> among the services, or everything for everybody (Rooms:Open=true).";

    internal static string NoPolicy(int index, string policy) =>
        $"Rooms:Access:{index}:Policy is '{policy}'; the application has no authorization policy of this name.";

    IEnumerable<SettingProblem> ISettings.Problems()
    {
        if (Open && Access.Count > 0)
            yield return new(nameof(Open), "is true, so that everybody may do everything, and Rooms:Access has rules; it must be one or the other.");
        if (JoinClaim?.Length is 0 or > 128)
            yield return new(nameof(JoinClaim), "must have 1 to 128 characters.");
        if (Open && Capabilities)
            yield return new(nameof(Open), "is true, so that everybody may do everything, and Rooms:Capabilities is true; it must be one or the other.");
    }
}

/// <summary>Who may do what in the rooms of a pattern, or send to the users of one; an entry of <c>Rooms:Access</c>.</summary>
public sealed class AccessRule : ISettings
{
    private AccessPattern? _pattern;
    private RoomOperation? _allowed;

    /// <summary>
    /// Room names: <c>team-{team}-*</c>. <c>*</c> is any characters, <c>{user}</c> the id of the user who asks, <c>{team}</c> any value of
    /// the claim <c>team</c>. This or <see cref="User"/>. At most 1,024 characters.
    /// </summary>
    public string? Room { get; set; }

    /// <summary>User ids in the same way, for direct messages.</summary>
    public string? User { get; set; }

    /// <summary>
    /// For rooms any of <c>join</c>, <c>publish</c>, <c>history</c>, <c>members</c>, <c>presence</c>, for users <c>direct</c>, or <c>*</c> for all
    /// of these; nothing denies.
    /// </summary>
    public IList<string> Allow { get; set; } = [];

    /// <summary>The name of an authorization policy of the application that must succeed as well; its resource is a <see cref="RoomResource"/>.</summary>
    public string? Policy { get; set; }

    internal bool IsForUsers => Room is null;

    /// <summary>Of a rule without problems.</summary>
    internal AccessPattern Pattern => _pattern ??= AccessPattern.Parse((Room ?? User)!, "", out _)!;

    internal RoomOperation Allowed =>
        _allowed ??= Allow.Aggregate(RoomOperation.None, (all, name) => all | RoomOperations.Parse(name, Among)!.Value);

    private RoomOperation Among => IsForUsers ? RoomOperation.Direct : RoomOperations.OfRooms;

    IEnumerable<SettingProblem> ISettings.Problems()
    {
        if (Room is null == User is null)
        {
            yield return new(nameof(Room), Room is null
                ? "is missing; a rule is for a Room or for a User."
                : $"is '{Room}', and User is '{User}'; a rule is for a Room or for a User, not for both.");
            yield break;
        }
        var (name, text) = IsForUsers ? (nameof(User), User!) : (nameof(Room), Room!);
        AccessPattern.Parse(text, IsForUsers ? "user" : "room", out var problem);
        if (problem is not null)
            yield return new(name, $"is '{text}'. {problem}");
        foreach (var (index, operation) in Allow.Index())
        {
            if (RoomOperations.Parse(operation, Among) is null)
                yield return new($"{nameof(Allow)}:{index}", $"is '{operation}'; for a {(IsForUsers ? "User" : "Room")} it must be one of {RoomOperations.Names(Among)}.");
        }
        if (Policy is not null && string.IsNullOrWhiteSpace(Policy))
            yield return new(nameof(Policy), "is empty; it must name an authorization policy, or be left out.");
    }
}
