namespace Realtime.Silo.Rooms;

/// <summary>What a batch must have. Checked before any of it is applied: a batch is taken as a whole, or not at all.</summary>
internal static class RoomCommands
{
    /// <exception cref="ArgumentException">A command, or a part of one that it needs, is missing.</exception>
    public static void Check(RoomCommand[] commands)
    {
        ArgumentNullException.ThrowIfNull(commands);
        for (var i = 0; i < commands.Length; i++)
        {
            if (Problem(commands[i]) is { } problem)
                throw new ArgumentException($"Command {i} of the batch {problem}.", nameof(commands));
        }
    }

    /// <summary>The user who has the room opened; of a front that tells its members, one of them.</summary>
    public static string UserOf(RoomCommand[] commands) => commands.Select(command => command switch
    {
        JoinCommand join => join.User,
        PublishCommand publish => publish.User,
        SyncCommand { Members: [var member, ..] } => member.User,
        _ => null,
    }).FirstOrDefault(user => user is not null) ?? "";

    private static string? Problem(RoomCommand? command) => command switch
    {
        PublishCommand publish => publish.Body is null ? "is a publish without a body" : Member(publish.User),
        JoinCommand join => Member(join.User, join.Connection),
        LeaveCommand leave => string.IsNullOrEmpty(leave.Connection) ? "names no connection" : null,
        SyncCommand sync => sync.Members is null ? "is a sync without members"
            : sync.Members.Select(member => Member(member.User, member.Connection)).FirstOrDefault(problem => problem is not null),
        null => "is null",
        _ => $"is a {command.GetType().Name}, which rooms do not know",
    };

    private static string? Member(string user, string connection = "-") =>
        string.IsNullOrEmpty(user) ? "names no user" : string.IsNullOrEmpty(connection) ? "names no connection" : null;
}
