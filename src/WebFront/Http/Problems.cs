using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Realtime.Grains;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Http;

/// <summary>A kind of error of the HTTP API: its code and the status that it has.</summary>
internal readonly record struct Problem(int Status, string Code);

/// <summary>The request is refused; its answer is a problem.</summary>
internal sealed class ApiException(Problem problem, string detail) : Exception(detail)
{
    public Problem Problem { get; } = problem;
}

/// <summary>
/// Errors as problems (RFC 9457) with a <c>code</c>. They are written here and not by the host's own services for them, which
/// may say them otherwise; and their texts are ours, since those of the framework name its types.
/// </summary>
internal static partial class Problems
{
    public static readonly Problem BadRequest = new(StatusCodes.Status400BadRequest, ErrorCodes.BadRequest);
    public static readonly Problem NameInvalid = new(StatusCodes.Status400BadRequest, ErrorCodes.NameInvalid);
    public static readonly Problem Unauthorized = new(StatusCodes.Status401Unauthorized, ErrorCodes.Unauthorized);
    public static readonly Problem Forbidden = new(StatusCodes.Status403Forbidden, ErrorCodes.Forbidden);
    public static readonly Problem NotFound = new(StatusCodes.Status404NotFound, ErrorCodes.NotFound);
    public static readonly Problem RoomNotFound = new(StatusCodes.Status404NotFound, ErrorCodes.RoomNotFound);
    public static readonly Problem UserNotFound = new(StatusCodes.Status404NotFound, ErrorCodes.UserNotFound);
    public static readonly Problem ConnectionNotFound = new(StatusCodes.Status404NotFound, ErrorCodes.ConnectionNotFound);
    public static readonly Problem FrontNotFound = new(StatusCodes.Status404NotFound, ErrorCodes.FrontNotFound);
    public static readonly Problem MethodNotAllowed = new(StatusCodes.Status405MethodNotAllowed, ErrorCodes.MethodNotAllowed);
    public static readonly Problem NotAcceptable = new(StatusCodes.Status406NotAcceptable, ErrorCodes.NotAcceptable);
    public static readonly Problem Timeout = new(StatusCodes.Status408RequestTimeout, ErrorCodes.RequestTimeout);
    public static readonly Problem TooLong = new(StatusCodes.Status413PayloadTooLarge, ErrorCodes.ContentTooLong);
    public static readonly Problem UnsupportedMediaType = new(StatusCodes.Status415UnsupportedMediaType, ErrorCodes.UnsupportedMediaType);
    public static readonly Problem UpgradeRequired = new(StatusCodes.Status426UpgradeRequired, ErrorCodes.UpgradeRequired);
    public static readonly Problem RateLimited = new(StatusCodes.Status429TooManyRequests, ErrorCodes.RateLimited);
    public static readonly Problem Internal = new(StatusCodes.Status500InternalServerError, ErrorCodes.Internal);
    public static readonly Problem Unavailable = new(StatusCodes.Status503ServiceUnavailable, ErrorCodes.Unavailable);

    /// <summary>The kind of a status that others have chosen.</summary>
    public static Problem Of(int status) => status switch
    {
        StatusCodes.Status401Unauthorized => Unauthorized,
        StatusCodes.Status403Forbidden => Forbidden,
        StatusCodes.Status405MethodNotAllowed => MethodNotAllowed,
        StatusCodes.Status408RequestTimeout => Timeout,
        StatusCodes.Status413PayloadTooLarge => TooLong,
        StatusCodes.Status426UpgradeRequired => UpgradeRequired,
        StatusCodes.Status429TooManyRequests => RateLimited,
        StatusCodes.Status503ServiceUnavailable => Unavailable,
        >= 500 => Internal with { Status = status },
        _ => BadRequest with { Status = status },
    };

    /// <summary>Runs an endpoint; what it throws becomes its answer.</summary>
    public static async Task Guard(HttpContext context, Func<HttpContext, Task> endpoint)
    {
        try
        {
            await endpoint(context);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone.
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            var (problem, detail) = Explain(context, exception);
            await Write(context, problem, detail);
        }
    }

    /// <summary>What to say of an exception to the client; what is our own failure is logged.</summary>
    public static (Problem Problem, string Detail) Explain(HttpContext context, Exception exception)
    {
        var explained = Explain(exception);
        if (explained.Problem == Internal)
            LogFailed(context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(Problems).FullName!), context.Request.Method, exception);
        return explained;
    }

    /// <summary>Writes the answer. Headers that the endpoint has set, as <c>Allow</c>, stay.</summary>
    public static async Task Write(HttpContext context, Problem problem, string detail)
    {
        if (problem.Status is StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden or StatusCodes.Status429TooManyRequests)
            context.RequestServices.GetService<SecurityEvents>()?.Refused(context, problem.Status, detail);
        if (problem.Status is StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden or >= StatusCodes.Status500InternalServerError)
            context.RequestServices.GetService<SecurityEvents>()?.Recent.Refused(context, problem.Code, detail);
        var response = context.Response;
        response.StatusCode = problem.Status;
        response.ContentType = "application/problem+json";
        SecurityHeaders.SetForData(response.Headers);
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("type", "about:blank"); // RFC 9457 section 4.2.1: the status says what it is, the code which
            writer.WriteString("title", ReasonPhrases.GetReasonPhrase(problem.Status));
            writer.WriteNumber("status", problem.Status);
            writer.WriteString("detail", detail);
            writer.WriteString("code", problem.Code);
            writer.WriteEndObject();
        }
        response.ContentLength = buffer.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
            await response.Body.WriteAsync(buffer.GetBuffer().AsMemory(0, (int)buffer.Length), context.RequestAborted);
    }

    private static (Problem Problem, string Detail) Explain(Exception exception) => exception switch
    {
        ApiException refused => (refused.Problem, refused.Message),
        RequestException bad => (OfCode(bad.Code), bad.Message),
        RoomException room => (OfCode(room.Code), room.Message),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => (TooLong, "The body of the request is larger than this server takes."),
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } => (Timeout, "The body of the request came too slowly."),
        BadHttpRequestException bad => (BadRequest with { Status = bad.StatusCode }, "The body of the request could not be read: it ended early, or its chunks are not valid."),
        ArgumentException { ParamName: null } bad => (BadRequest, bad.Message), // of a grain, which says what is allowed; with a parameter it is a defect
        TimeoutException or Orleans.Runtime.OrleansException or OperationCanceledException => (Unavailable, "The room or user could not be reached; try again."),
        _ => (Internal, "The server failed; its log says why."),
    };

    /// <summary>The kind of a code, of a room or of a frame.</summary>
    public static Problem OfCode(string code) => code switch
    {
        ErrorCodes.Forbidden => Forbidden,
        ErrorCodes.RateLimited => RateLimited,
        ErrorCodes.RoomFull => new(StatusCodes.Status503ServiceUnavailable, code),
        ErrorCodes.IdConflict or ErrorCodes.VersionConflict or ErrorCodes.StateFull => new(StatusCodes.Status409Conflict, code),
        ErrorCodes.ContentTooLong => new(StatusCodes.Status413PayloadTooLarge, code),
        ErrorCodes.RevocationsFull => new(StatusCodes.Status503ServiceUnavailable, code),
        ErrorCodes.Unavailable => new(StatusCodes.Status503ServiceUnavailable, code),
        _ => new(StatusCodes.Status400BadRequest, code),
    };

    /// <summary>The kind of a call's error. What the method said is the caller's to judge, and no failure of a server that something on the way would try again.</summary>
    public static Problem OfCall(string code) => new(code switch
    {
        ErrorCodes.UserNotFound => StatusCodes.Status404NotFound,
        ErrorCodes.CallTimeout => StatusCodes.Status504GatewayTimeout,
        ErrorCodes.TooManyCalls => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status422UnprocessableEntity,
    }, code);

    [LoggerMessage(1, LogLevel.Error, "A {Method} request of the HTTP API failed.")]
    private static partial void LogFailed(ILogger logger, string method, Exception exception);
}
