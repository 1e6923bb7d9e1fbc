namespace Realtime.Chaos.Clients;

/// <summary>Inboxes are followed and checked as rooms are, under names that no room here has.</summary>
internal static class Inbox
{
    private const char Mark = '@';

    public static string NameOf(string user) => $"{Mark}{user}";

    /// <summary>Null when it is the name of a room.</summary>
    public static string? UserOf(string name) => name[0] == Mark ? name[1..] : null;
}
