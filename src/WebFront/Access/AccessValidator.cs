using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace Realtime.WebFront.Access;

/// <summary>Checks what the settings alone do not show: that the policies of rules exist, and that something is chosen.</summary>
internal sealed class AccessValidator(IAuthorizationPolicyProvider policies, ApplicationAccess application, IHostEnvironment environment)
    : IValidateOptions<AccessOptions>
{
    public ValidateOptionsResult Validate(string? name, AccessOptions options)
    {
        List<string> problems = [.. options.Access.Index().Select(rule => PolicyProblem(rule.Index, rule.Item.Policy)).OfType<string>()];
        if (!options.IsChosen && !environment.IsDevelopment() && !application.HasHandler)
            problems.Add(AccessOptions.NothingChosen(environment));
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private string? PolicyProblem(int index, string? policy)
    {
        if (string.IsNullOrWhiteSpace(policy))
            return null;
        var found = policies.GetPolicyAsync(policy).GetAwaiter().GetResult(); // at the start
        return found is null ? AccessOptions.NoPolicy(index, policy)
            : found.Requirements.Any(requirement => requirement is RoomRequirement) ? $"Rooms:Access:{index}:Policy is '{policy}', which asks for a {nameof(RoomRequirement)}, as the rule does itself."
            : null;
    }
}
