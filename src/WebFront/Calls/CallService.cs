using System.Text.Json;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Realtime.Grains;
using Realtime.PushStreams;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Calls;

/// <summary>
/// Runs the methods that clients call: on the thread pool, beside each other and beside everything else of the connection, so that code of
/// the application may block or hang and only its own call is late.
/// </summary>
internal sealed partial class CallService(
    CallMethods methods, IServiceScopeFactory scopes, IServiceProvider services, CallMetrics metrics, IOptions<CallOptions> options,
    IOptions<FrontOptions> front, TimeProvider time, ILogger<CallService> logger)
{
    /// <summary>A method that stops when its time is over is quicker than who waits for it.</summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromMilliseconds(200);

    private readonly CallOptions _options = options.Value;

    /// <summary>Begins a call. Its answer comes when there is one.</summary>
    /// <returns>Why it is not even begun.</returns>
    public Refusal? Begin(Session session, string id, string name, byte[]? data)
    {
        Refusal? refusal =
            methods.Find(name) is not { } method ? new Refusal(ErrorCodes.UnknownMethod, $"There is no method '{FrameRules.Shorten(name)}'.")
            : !session.Calls.TryBegin(_options.MaxInFlight) ? new Refusal(ErrorCodes.TooManyCalls, $"{_options.MaxInFlight} calls of this connection run already; wait for a result.")
            : Start(method);
        if (refusal is not null)
            metrics.FromClient(CallOutcome.Refused);
        return refusal;

        Refusal? Start(CallMethod method)
        {
            metrics.Begin();
            _ = Answer(session, id, method, Task.Run(() => Run(session, method, data)));
            return null;
        }
    }

    /// <summary>Answers when the method has ended or its time is over. Never fails.</summary>
    private async Task Answer(Session session, string id, CallMethod method, Task<(CallAnswer, CallOutcome)> run)
    {
        var outcome = CallOutcome.Failed;
        try
        {
            CallAnswer answer;
            try
            {
                (answer, outcome) = await run.WaitAsync(_options.Timeout + s_grace, time);
            }
            catch (TimeoutException)
            {
                SafeLog.Write(() => LogHangs(method.Name, session.User, _options.Timeout));
                (answer, outcome) = (TimedOut(method), CallOutcome.Timeout);
            }
            session.Connection.Deliver(answer.Code is null
                ? ServerFrames.Result(id, answer.Data)
                : ServerFrames.Error(id, null, answer.Code, answer.Message ?? answer.Code));
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogFailed(method.Name, session.User, exception));
        }
        finally
        {
            metrics.FromClient(outcome);
        }
    }

    private async Task<(CallAnswer, CallOutcome)> Run(Session session, CallMethod method, byte[]? data)
    {
        using var over = new CancellationTokenSource();
        await using var timer = time.CreateTimer(_ => Stop(over, session, method), null, _options.Timeout, Timeout.InfiniteTimeSpan);
        try
        {
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(over.Token, session.Connection.Closed);
            var answer = await Run(session, method, data, ended.Token);
            return (answer, answer.Code is null ? CallOutcome.Ok : CallOutcome.Refused);
        }
        catch (CallException refused)
        {
            return (CallResults.Refused(refused.Code, refused.Message), CallOutcome.Refused);
        }
        catch (BadHttpRequestException exception)
        {
            return (new(null, ErrorCodes.BadRequest, Problem(method, data, exception)), CallOutcome.Refused);
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            return (TimedOut(method), CallOutcome.Timeout);
        }
        catch (OperationCanceledException) when (!session.Connection.IsConnected)
        {
            return (ClientCalls.Gone, CallOutcome.Cancelled);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogFailed(method.Name, session.User, exception));
            return (new(null, ErrorCodes.CallFailed, "The method failed; the server's log says why."), CallOutcome.Failed);
        }
        finally
        {
            session.Calls.End(); // who has the answer may call again
            metrics.End();
        }
    }

    // What waits for the token is the application's: what it throws would end the process here, as a source with a time of its own lets it.
    private void Stop(CancellationTokenSource over, Session session, CallMethod method)
    {
        try
        {
            over.Cancel();
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogCallbackFailed(method.Name, session.User, exception));
        }
    }

    private async Task<CallAnswer> Run(Session session, CallMethod method, byte[]? data, CancellationToken ended)
    {
        var endpoint = method.Build(services);
        await using var scope = scopes.CreateAsyncScope();
        using var body = new CallBody(front.Value.MaxContentBytes);
        var context = new DefaultHttpContext { RequestServices = scope.ServiceProvider, User = session.Principal, RequestAborted = ended };
        context.Features.Set(new RealtimeCall(method.Name, session.Connection, session.User));
        context.Features.Set<IHttpRequestBodyDetectionFeature>(new Detection(data is not null));
        context.SetEndpoint(endpoint);
        context.Request.Method = HttpMethods.Post;
        if (data is not null)
        {
            context.Request.ContentType = "application/json";
            context.Request.ContentLength = data.Length;
            context.Request.Body = new MemoryStream(data, writable: false);
        }
        context.Response.Body = body;
        if (await Forbids(context, method))
            return new(null, ErrorCodes.Forbidden, $"'{method.Name}' is not allowed.");
        await endpoint.RequestDelegate!(context);
        await context.Response.CompleteAsync();
        return CallResults.Read(context.Response, body, front.Value.MaxContentBytes);
    }

    private async Task<bool> Forbids(HttpContext context, CallMethod method)
    {
        var policies = context.RequestServices.GetRequiredService<IAuthorizationPolicyProvider>();
        return await method.Policy(services, policies) is { } policy
            && !(await context.RequestServices.GetRequiredService<IAuthorizationService>().AuthorizeAsync(context.User, context, policy)).Succeeded;
    }

    /// <summary>Of data that is not what the method takes; without words of the framework.</summary>
    private static string Problem(CallMethod method, byte[]? data, BadHttpRequestException exception) =>
        data is null ? $"'data' is missing; '{method.Name}' needs it."
        : exception.InnerException is JsonException { Path: { Length: > 1 } path } ? $"'data' is not what '{method.Name}' takes, at {FrameRules.Shorten(path)}."
        : $"'data' is not what '{method.Name}' takes.";

    private CallAnswer TimedOut(CallMethod method) =>
        new(null, ErrorCodes.CallTimeout, $"'{method.Name}' did not answer within {_options.Timeout}; it may have run.");

    [LoggerMessage(1, LogLevel.Error, "The method {Method} failed for user {User}.")]
    private partial void LogFailed(string method, string user, Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "The method {Method} for user {User} goes on after its {Timeout}, although its cancellation token has fired.")]
    private partial void LogHangs(string method, string user, TimeSpan timeout);

    [LoggerMessage(3, LogLevel.Error, "A callback of the cancellation token of the method {Method} failed for user {User}.")]
    private partial void LogCallbackFailed(string method, string user, Exception exception);

    private sealed class Detection(bool canHaveBody) : IHttpRequestBodyDetectionFeature
    {
        public bool CanHaveBody => canHaveBody;
    }
}
