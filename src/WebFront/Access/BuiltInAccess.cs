using Microsoft.Extensions.Options;

namespace Realtime.WebFront.Access;

/// <summary>The ways to decide that need no code of the application: rules, capabilities, everything for everybody. Asked without waiting.</summary>
internal sealed class BuiltInAccess(IOptions<AccessOptions> options, ApplicationAccess application, IHostEnvironment environment, ILogger<BuiltInAccess> logger)
{
    private bool? _isOpen;

    /// <summary>Everybody may do everything: it is set so, or in Development nothing is chosen.</summary>
    public bool IsOpen => _isOpen ??= options.Value.Open || (environment.IsDevelopment() && !options.Value.IsChosen && !application.HasHandler);

    /// <summary>The first rule that fits a room or a user; null when none does.</summary>
    public AccessRule? RuleFor(string name, bool isUser, AccessSubject subject)
    {
        foreach (var rule in options.Value.Access)
        {
            if (rule.IsForUsers == isUser && rule.Pattern.Matches(name, subject))
                return rule;
        }
        return null;
    }

    /// <summary>What the token allows.</summary>
    public RoomOperation CapabilitiesFor(string name, bool isUser, AccessSubject subject) =>
        options.Value.Capabilities ? subject.Of(isUser, logger).For(name, subject) : RoomOperation.None;

    /// <summary>What all of them allow together.</summary>
    /// <param name="name">The room, or the user.</param>
    /// <param name="isUser">Which of the two.</param>
    /// <param name="subject">Who asks.</param>
    /// <param name="withPolicy">What is allowed besides if the rule's policy succeeds.</param>
    public RoomOperation Allowed(string name, bool isUser, AccessSubject subject, out RoomOperation withPolicy)
    {
        withPolicy = RoomOperation.None;
        if (IsOpen)
            return RoomOperation.All;
        var allowed = CapabilitiesFor(name, isUser, subject);
        if (RuleFor(name, isUser, subject) is not { } rule)
            return allowed;
        if (rule.Policy is null)
            return allowed | rule.Allowed;
        withPolicy = rule.Allowed & ~allowed;
        return allowed;
    }
}
