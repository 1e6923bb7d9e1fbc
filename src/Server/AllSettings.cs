using Realtime.Connections;
using Realtime.Settings;
using Realtime.Silo;
using Realtime.Silo.Fronts;
using Realtime.Silo.Hooks;
using Realtime.Silo.Hosting;
using Realtime.Silo.Logs;
using Realtime.Silo.Revocations;
using Realtime.Silo.Rooms;
using Realtime.Silo.Users;
using Realtime.Silo.Webhooks;
using Realtime.WebFront;
using Realtime.WebFront.Access;
using Realtime.WebFront.Calls;
using Realtime.WebFront.Security;

namespace Realtime.Server;

/// <summary>
/// All sections, whatever the role: processes of a cluster often share a file, and a name that is wrong in it is wrong. What is
/// needed is asked of the role's own sections only.
/// </summary>
internal static class AllSettings
{
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">Something is wrong; each failure is a line.</exception>
    public static void Check(IConfiguration configuration, IHostEnvironment environment, string? role)
    {
        var (isSilo, isFront) = (role != "front", role is not ("silo" or "migrate"));
        SettingsCheck.All(configuration,
            [
                ClusterSettings.Settings,
                LogSettings.Settings with { IsUsed = isSilo },
                new("Rooms", typeof(RoomOptions), typeof(AccessOptions)) { Check = settings => AccessProblems(settings, environment, isFront) },
                InboxOptions.Settings with { IsUsed = isSilo },
                HookOptions.Settings with { IsUsed = isSilo },
                WebhookOptions.Settings with { IsUsed = isSilo },
                LeaseOptions.Settings with { IsUsed = isSilo },
                RevocationOptions.Settings,
                StreamSettings.Settings,
                new(ConnectionOptions.Section, typeof(ConnectionOptions)) { IsUsed = isFront },
                FrontOptions.Settings with { IsUsed = isFront },
                LimitOptions.Settings with { IsUsed = isFront },
                CallOptions.Settings with { IsUsed = isFront },
                ForwardedHeadersSettings.Settings with { IsUsed = isFront },
                ManagementSettings.Settings with { IsUsed = isFront },
                BearerOptions.Settings(environment) with { IsUsed = isFront },
                DevelopmentOptions.Settings(environment) with { IsUsed = isFront },
            ]);
    }

    // The executable has no handlers of an application, and no policies but the front's own.
    private static IEnumerable<string> AccessProblems(object settings, IHostEnvironment environment, bool isFront)
    {
        if (settings is not AccessOptions access)
            yield break;
        foreach (var (index, rule) in access.Access.Index().Where(rule => rule.Item.Policy is { Length: > 0 } policy && !RealtimePolicies.All.Contains(policy)))
            yield return AccessOptions.NoPolicy(index, rule.Policy!);
        if (isFront && !access.IsChosen && !environment.IsDevelopment())
            yield return AccessOptions.NothingChosen(environment);
    }
}
