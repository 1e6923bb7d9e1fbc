using System.Text;
using Realtime.Grains;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Http;

/// <summary>What takes users and tokens away before their time.</summary>
internal static class RevocationApi
{
    public const int LongestBlock = 365 * 24 * 60 * 60; // seconds

    public static readonly ApiRoute[] Routes =
    [
        new("POST", "users/{user}/block", RealtimePolicies.Admin, Block),
        new("POST", "users/{user}/unblock", RealtimePolicies.Admin, Unblock),
        new("POST", "users/{user}/revoke-tokens", RealtimePolicies.Admin, RevokeTokens),
        new("POST", "tokens/revoke", RealtimePolicies.Admin, RevokeToken),
    ];

    private static async Task Block(ApiRequest request)
    {
        var user = request.User;
        request.RefuseKey("A block");
        var seconds = (await request.Body(ApiJson.Default.BlockRequest, mayBeAbsent: true)).Seconds;
        if (seconds is < 1 or > LongestBlock)
            throw new ApiException(Problems.BadRequest, $"'seconds' is {seconds}; it must be from 1 to {LongestBlock}.");
        await Change(request, user, grain => grain.Block(seconds is { } length ? TimeSpan.FromSeconds(length) : null));
    }

    private static Task Unblock(ApiRequest request) => Change(request, request.User, grain => grain.Unblock());

    private static Task RevokeTokens(ApiRequest request) => Change(request, request.User, grain => grain.RevokeTokens());

    private static async Task RevokeToken(ApiRequest request)
    {
        request.RefuseKey("A revocation");
        var body = await request.Body(ApiJson.Default.TokenRevokeRequest);
        if (string.IsNullOrEmpty(body.Jti) || Encoding.UTF8.GetByteCount(body.Jti) > Limits.TokenIdBytes)
            throw new ApiException(Problems.BadRequest, $"'jti' must have 1 to {Limits.TokenIdBytes} bytes of UTF-8.");
        if (body.Exp is not (>= 0 and <= Security.ClaimRules.MaxDate))
            throw new ApiException(Problems.BadRequest, $"'exp' must be the token's own: seconds since 1970, from 0 to {Security.ClaimRules.MaxDate}.");
        var expires = DateTimeOffset.FromUnixTimeSeconds(body.Exp.Value);
        await Done(request.Calls, () => request.Calls.Revocations.RevokeToken(body.Jti, expires));
        await request.Ok(new TokenRevokeResponse(body.Jti), ApiJson.Default.TokenRevokeResponse);
    }

    private static async Task Change(ApiRequest request, string user, Func<IUserGrain, Task> change)
    {
        request.RefuseKey("This");
        await Done(request.Calls, () => change(request.Calls.User(user)));
        await request.Ok(new UserChangeResponse(user), ApiJson.Default.UserChangeResponse);
    }

    public static Task Done(GrainCalls calls, Func<Task> call) => calls.Call(async () =>
    {
        await call();
        return true;
    });
}
