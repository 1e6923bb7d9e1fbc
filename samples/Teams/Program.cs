using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authorization;
using Orleans;
using Orleans.Hosting;
using Realtime.Grains;
using Realtime.Silo;
using Realtime.Teams;
using Realtime.WebFront;

if (args is ["try", .. var rest])
    return await Trial.Run(rest is [var address] ? address : "http://127.0.0.1:5084");

// Teams of a product: people log in with a cookie, and a room team-x is for the members of team x, whom a database knows.
var builder = WebApplication.CreateBuilder(args);
builder.UseOrleans(silo => silo.UseSingleProcess().AddRealtime());
builder.AddRealtimeFront();
builder.Services.AddSingleton<TeamStore>();
builder.Services.AddSingleton<IAuthorizationHandler, TeamRooms>();
builder.Services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie(cookie =>
{
    // For programs, not for people: a status and no page to log in at.
    cookie.Events.OnRedirectToLogin = context => Answer(context.Response, StatusCodes.Status401Unauthorized);
    cookie.Events.OnRedirectToAccessDenied = context => Answer(context.Response, StatusCodes.Status403Forbidden);
    cookie.Cookie.SameSite = SameSiteMode.Strict;
});

var app = builder.Build();
app.MapRealtime();

// curl -c jar -d 'name=alice&password=alice' localhost:5084/login
app.MapPost("/login", async (HttpContext context, TeamStore store) =>
{
    var form = await context.Request.ReadFormAsync();
    var name = form["name"].ToString();
    if (!store.IsPassword(name, form["password"].ToString()))
        return Results.Unauthorized();
    var identity = new ClaimsIdentity([new Claim(ClaimTypes.Name, name)], CookieAuthenticationDefaults.AuthenticationScheme);
    await context.SignInAsync(new ClaimsPrincipal(identity));
    return Results.NoContent();
}).AllowAnonymous().DisableAntiforgery();

// Who owns a team takes somebody in: who is in may join the room from now on.
app.MapPut("/teams/{team}/members/{user}", (string team, string user, ClaimsPrincipal owner, TeamStore store) =>
{
    if (!store.IsOwner(team, owner.Identity!.Name!))
        return Results.Forbid();
    return store.Add(team, user) ? Results.NoContent() : Results.NotFound();
}).RequireAuthorization();

// ... and takes somebody out: first out of the table, then out of the room, on whichever front the sockets are.
app.MapDelete("/teams/{team}/members/{user}", async (string team, string user, ClaimsPrincipal owner, TeamStore store, IGrainFactory grains) =>
{
    if (!store.IsOwner(team, owner.Identity!.Name!))
        return Results.Forbid();
    if (!store.Remove(team, user))
        return Results.NotFound();
    await grains.GetGrain<IUserGrain>(user).Reauthorize();
    return Results.NoContent();
}).RequireAuthorization();

app.Run();
return 0;

static Task Answer(HttpResponse response, int status)
{
    response.StatusCode = status;
    return Task.CompletedTask;
}
