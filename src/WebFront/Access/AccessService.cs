using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using Realtime.PushStreams;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Access;

/// <summary>Decides what connections may do. What code of the application has no part in is decided at once, the rest is asked.</summary>
internal sealed partial class AccessService(
    BuiltInAccess builtIn, ApplicationAccess application, IServiceScopeFactory scopes, IOptions<AccessOptions> options, TimeProvider time, IMeterFactory meters,
    ILogger<AccessService> logger)
{
    /// <summary>What a join asks for besides, once it is granted. Members read without being asked.</summary>
    private const RoomOperation OfMembers = RoomOperation.Publish | RoomOperation.Presence;

    private static readonly RoomOperation[] s_ofMembers = [RoomOperation.Publish, RoomOperation.Presence];

    private static readonly Dictionary<RoomOperation, RoomRequirement[]> s_requirements = Enum.GetValues<RoomOperation>()
        .ToDictionary(operation => operation, operation => new[] { new RoomRequirement(operation) });

    private readonly SemaphoreSlim _reauthorizing = new(16); // questions at once
    private readonly Counter<long> _forbidden = meters.Create(FrontTelemetry.MeterName).CreateCounter<long>(
        "realtime.front.forbidden_operations", "{operation}", "Operations of clients that were forbidden, by operation.");

    /// <summary>Decides a join, if nobody has to be asked.</summary>
    public bool TryDecideJoin(AccessSubject subject, string room, out AccessAnswer answer) =>
        TryDecide(new Question(subject, "", room, null, RoomOperation.Join, OfMembers), out answer);

    /// <summary>Decides a join. Never fails.</summary>
    public Task<AccessAnswer> DecideJoin(AccessSubject subject, string connection, string room) =>
        Ask(new Question(subject, connection, room, null, RoomOperation.Join, OfMembers));

    /// <summary>Decides what a member may do whom the server has put there; what cannot be decided it may not. Never fails.</summary>
    public async ValueTask<AccessAnswer> DecideMember(AccessSubject subject, string connection, string room)
    {
        var (allowed, isUnknown) = (RoomOperation.Join, false);
        foreach (var operation in s_ofMembers)
        {
            if (!TryDecide(subject, operation, room, null, out var answer))
                answer = await Decide(subject, connection, operation, room, null);
            allowed |= answer.Allowed & operation;
            isUnknown |= answer.IsUnknown;
        }
        return new(allowed, isUnknown);
    }

    /// <summary>Decides one operation, if nobody has to be asked.</summary>
    public bool TryDecide(AccessSubject subject, RoomOperation operation, string? room, string? toUser, out AccessAnswer answer) =>
        TryDecide(new Question(subject, "", room, toUser, operation, RoomOperation.None), out answer);

    /// <summary>Decides one operation. Never fails.</summary>
    public Task<AccessAnswer> Decide(AccessSubject subject, string connection, RoomOperation operation, string? room, string? toUser) =>
        Ask(new Question(subject, connection, room, toUser, operation, RoomOperation.None));

    /// <summary>What a client is told, which is the same whatever is there. Counts it.</summary>
    public Refusal Refuse(RoomOperation operation, in AccessAnswer answer)
    {
        if (answer.IsUnknown)
            return new Refusal(ErrorCodes.Unavailable, "Whether this is allowed could not be decided; try again.");
        var name = RoomOperations.NameOf(operation);
        _forbidden.Add(1, new KeyValuePair<string, object?>("realtime.operation", name));
        return new Refusal(ErrorCodes.Forbidden, $"'{name}' is not allowed.");
    }

    /// <summary>
    /// Asks anew what a connection may do, as with a new token or after a change of what that depends on. Who may no longer join a room is
    /// taken out of it; what cannot be decided stays as it is. Never fails.
    /// </summary>
    public async Task Reauthorize(Session session)
    {
        session.Directs.Forget();
        foreach (var membership in session.Memberships.ToArray())
            await Reauthorize(session, membership);
    }

    /// <summary>The same for one room.</summary>
    public async Task Reauthorize(Session session, Membership membership)
    {
        try
        {
            if (membership.Gate is { } gate)
                await gate.Opened(); // it was asked already, perhaps before the change
            if (!membership.IsIn)
                return;
            var number = membership.BeginQuestion();
            if (ServerJoins.Stands(membership, session, options.Value.JoinClaim))
            {
                var stays = await InTurn(() => DecideMember(session.Subject, session.Connection.Id, membership.Room.Name).AsTask());
                if (!stays.IsUnknown && membership.IsLast(number))
                    membership.Room.Allow(session, membership, stays.Allowed);
                return;
            }
            if (!TryDecideJoin(session.Subject, membership.Room.Name, out var answer))
                answer = await InTurn(() => DecideJoin(session.Subject, session.Connection.Id, membership.Room.Name));
            if (answer.IsUnknown)
                return;
            if (!answer.Allowed.HasFlag(RoomOperation.Join))
                membership.Room.TakeOut(session, membership);
            else if (membership.IsLast(number))
                membership.Room.Allow(session, membership, answer.Allowed);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogFailed(RoomOperation.Join, membership.Room.Name, exception));
        }
    }

    /// <summary>Many may be asked about at once, and joins have precedence.</summary>
    private async Task<AccessAnswer> InTurn(Func<Task<AccessAnswer>> decide)
    {
        await _reauthorizing.WaitAsync();
        try
        {
            return await decide();
        }
        finally
        {
            _reauthorizing.Release();
        }
    }

    private bool TryDecide(in Question question, out AccessAnswer answer)
    {
        answer = default;
        if (application.HasPart)
            return false;
        var asked = question.First | question.Rest;
        var allowed = builtIn.Allowed(question.Name, question.Room is null, question.Subject, out var withPolicy) & asked;
        if ((withPolicy & asked) != 0)
            return false;
        answer = new AccessAnswer(allowed.HasFlag(question.First) ? allowed : RoomOperation.None);
        return true;
    }

    private async Task<AccessAnswer> Ask(Question question)
    {
        var over = new CancellationTokenSource(options.Value.AccessTimeout, time);
        var token = over.Token;
        try
        {
            // On the thread pool: the caller is the reader of a socket, and code of the application may block.
            return await Task.Run(() => AskHandlers(question, over), CancellationToken.None).WaitAsync(token);
        }
        catch (OperationCanceledException) when (token.IsCancellationRequested)
        {
            SafeLog.Write(() => LogSlow(question.First, question.Name, options.Value.AccessTimeout));
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogFailed(question.First, question.Name, exception));
        }
        return new AccessAnswer(RoomOperation.None, IsUnknown: true);
    }

    private async Task<AccessAnswer> AskHandlers(Question question, CancellationTokenSource over)
    {
        using var ended = over;
        await using var scope = scopes.CreateAsyncScope(); // one for all questions of a join
        var authorization = scope.ServiceProvider.GetRequiredService<IAuthorizationService>();
        if (!await IsAllowed(question.First))
            return default;
        var allowed = question.First;
        foreach (var operation in s_requirements.Keys)
        {
            if (byte.PopCount((byte)operation) == 1 && question.Rest.HasFlag(operation) && await IsAllowed(operation))
                allowed |= operation;
        }
        return new AccessAnswer(allowed);

        async Task<bool> IsAllowed(RoomOperation operation) => (await authorization.AuthorizeAsync(question.Subject.Principal, new RoomResource
        {
            Room = question.Room,
            ToUser = question.ToUser,
            Operation = operation,
            ConnectionId = question.Connection,
            CancellationToken = over.Token,
            Subject = question.Subject,
        }, s_requirements[operation])).Succeeded;
    }

    [LoggerMessage(1, LogLevel.Error, "Whether {Operation} is allowed for {Name} could not be decided, as authorization failed.")]
    private partial void LogFailed(RoomOperation operation, string name, Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "Whether {Operation} is allowed for {Name} was not decided within {Timeout}.")]
    private partial void LogSlow(RoomOperation operation, string name, TimeSpan timeout);

    /// <summary>What is asked in one go: the rest only if the first is allowed.</summary>
    private readonly record struct Question(AccessSubject Subject, string Connection, string? Room, string? ToUser, RoomOperation First, RoomOperation Rest)
    {
        public string Name => Room ?? ToUser!;
    }
}

/// <summary>What was decided.</summary>
/// <param name="Allowed">What may be done; nothing when that is not what was asked first.</param>
/// <param name="IsUnknown">It could not be decided.</param>
internal readonly record struct AccessAnswer(RoomOperation Allowed, bool IsUnknown = false);
