using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Realtime.Silo.Rooms;
using Realtime.WebFront.Access;

namespace Realtime.WebFront.Tests.Access;

/// <summary>A front that says wrongly or not at all who may do what does not start.</summary>
[Collection(ClusterCollection.Name)]
public sealed class AccessStartTests(Cluster cluster)
{
    private async Task<string[]> Problems(Action<WebApplicationBuilder>? build, params (string, string)[] settings) =>
        [.. (await Assert.ThrowsAsync<OptionsValidationException>(() => AccessFront.Start(cluster, build, settings))).Failures];

    [Fact]
    public async Task Outside_development_access_must_be_chosen()
    {
        var told = Assert.Single(await Problems(null));
        Assert.StartsWith("Rooms does not say who may do what. In the environment 'Production' choose: rules (Rooms:Access)", told);
        // A handler of something else, or one that looks at everything, is no choice.
        Assert.Single(await Problems(builder => builder.Services.AddSingleton<IAuthorizationHandler, Other>().AddSingleton<IAuthorizationHandler, Anything>()));
    }

    [Fact]
    public async Task Each_choice_is_enough()
    {
        foreach (var (setting, value) in new[] { ("Rooms:Open", "true"), ("Rooms:Capabilities", "true"), ("Rooms:Access:0:Room", "lobby") })
            await using (await AccessFront.Start(cluster, (setting, value)))
            {
            }
        await using (await AccessFront.Start(cluster, builder => builder.Services.AddScoped<IAuthorizationHandler>(_ => new Own())))
        {
        }
    }

    [Theory]
    [InlineData("Rooms:Access:0:Allow:0", "fly", "Rooms:Access:0:Allow:0 is 'fly'; for a Room it must be one of join, publish, history, members, presence, *.")]
    [InlineData("Rooms:Access:0:Allow:0", "Join", "Rooms:Access:0:Allow:0 is 'Join'; for a Room it must be one of")]
    [InlineData("Rooms:Access:0:Allow:0", "direct", "Rooms:Access:0:Allow:0 is 'direct'; for a Room it must be one of")]
    [InlineData("Rooms:Access:0:Room", "a{", "Rooms:Access:0:Room is 'a{'. It has '{' without '}' behind it.")]
    [InlineData("Rooms:Access:0:Room", "", "Rooms:Access:0:Room is ''. It must be a room name")]
    [InlineData("Rooms:Access:0:User", "bob", "Rooms:Access:0:Room is 'lobby', and User is 'bob'; a rule is for a Room or for a User, not for both.")]
    [InlineData("Rooms:Access:1:Allow:0", "join", "Rooms:Access:1:Room is missing; a rule is for a Room or for a User.")]
    [InlineData("Rooms:Access:0:Policy", "nobody", "Rooms:Access:0:Policy is 'nobody'; the application has no authorization policy of this name.")]
    [InlineData("Rooms:Access:0:Policy", "circle", "Rooms:Access:0:Policy is 'circle', which asks for a RoomRequirement, as the rule does itself.")]
    [InlineData("Rooms:Access:0:Alow", "join", "Rooms:Access:0:Alow is no setting (its value is 'join'); did you mean Allow?")]
    [InlineData("Rooms:Open", "true", "Rooms:Open is true, so that everybody may do everything, and Rooms:Access has rules; it must be one or the other.")]
    [InlineData("Rooms:AccessTimeout", "00:02:00", "Rooms:AccessTimeout is 00:02:00; it must be from 00:00:00.1")]
    [InlineData("Rooms:Capabilites", "true", "Rooms:Capabilites is no setting (its value is 'true'); did you mean Capabilities?")]
    public async Task A_wrong_setting_is_named_with_what_is_allowed(string setting, string value, string told) =>
        Assert.StartsWith(told, Assert.Single(await Problems(
            builder => builder.Services.AddAuthorization(options => options.AddPolicy("circle", policy => policy.AddRequirements(new RoomRequirement(RoomOperation.Join)))),
            ("Rooms:Access:0:Room", "lobby"), (setting, value))));

    [Fact]
    public async Task Open_and_capabilities_do_not_go_together() =>
        Assert.StartsWith("Rooms:Open is true", Assert.Single(await Problems(null, ("Rooms:Open", "true"), ("Rooms:Capabilities", "true"))));

    [Fact]
    public async Task The_settings_of_silos_in_the_same_section_are_theirs_to_check()
    {
        await using var front = await AccessFront.Start(cluster, ("Rooms:Open", "true"), ("Rooms:PresenceLimit", "5"), ("Rooms:Patterns:0:Room", "a*"));
    }

    [Fact]
    public void Silos_know_the_names_of_the_settings_that_fronts_read_of_their_section() =>
        Assert.Equal(typeof(AccessOptions).GetProperties().Select(property => property.Name).Order(), RoomOptions.Settings.Others.Order());

    private sealed class Own : AuthorizationHandler<RoomRequirement, RoomResource>
    {
        protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RoomRequirement requirement, RoomResource resource) => Task.CompletedTask;
    }

    private sealed class Other : AuthorizationHandler<OperationRequirement>
    {
        protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, OperationRequirement requirement) => Task.CompletedTask;
    }

    private sealed class OperationRequirement : IAuthorizationRequirement;

    private sealed class Anything : IAuthorizationHandler
    {
        public Task HandleAsync(AuthorizationHandlerContext context) => Task.CompletedTask;
    }
}
