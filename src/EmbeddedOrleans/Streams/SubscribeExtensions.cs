namespace Orleans.Streams;

public static class AsyncObservableExtensions
{
    private static readonly Func<Exception, Task> s_noError = static _ => Task.CompletedTask;
    private static readonly Func<Task> s_noEnd = static () => Task.CompletedTask;

    public static Task<StreamSubscriptionHandle<T>> SubscribeAsync<T>(this IAsyncObservable<T> obs, Func<T, StreamSequenceToken?, Task> onNextAsync) =>
        obs.SubscribeAsync(new FunctionObserver<T>(onNextAsync, s_noError, s_noEnd));

    public static Task<StreamSubscriptionHandle<T>> SubscribeAsync<T>(this IAsyncObservable<T> obs, Func<T, StreamSequenceToken?, Task> onNextAsync, Func<Exception, Task> onErrorAsync) =>
        obs.SubscribeAsync(new FunctionObserver<T>(onNextAsync, onErrorAsync, s_noEnd));

    public static Task<StreamSubscriptionHandle<T>> SubscribeAsync<T>(this IAsyncObservable<T> obs, Func<T, StreamSequenceToken?, Task> onNextAsync, Func<Exception, Task> onErrorAsync, Func<Task> onCompletedAsync) =>
        obs.SubscribeAsync(new FunctionObserver<T>(onNextAsync, onErrorAsync, onCompletedAsync));

    public static Task<StreamSubscriptionHandle<T>> SubscribeAsync<T>(this IAsyncObservable<T> obs, Func<T, StreamSequenceToken?, Task> onNextAsync, StreamSequenceToken token) =>
        obs.SubscribeAsync(new FunctionObserver<T>(onNextAsync, s_noError, s_noEnd), token);
}

public static class AsyncBatchObservableExtensions
{
    private static readonly Func<Exception, Task> s_noError = static _ => Task.CompletedTask;
    private static readonly Func<Task> s_noEnd = static () => Task.CompletedTask;

    public static Task<StreamSubscriptionHandle<T>> SubscribeAsync<T>(this IAsyncBatchObservable<T> obs, Func<IList<SequentialItem<T>>, Task> onNextAsync) =>
        obs.SubscribeAsync(new FunctionBatchObserver<T>(onNextAsync, s_noError, s_noEnd));

    public static Task<StreamSubscriptionHandle<T>> SubscribeAsync<T>(this IAsyncBatchObservable<T> obs, Func<IList<SequentialItem<T>>, Task> onNextAsync, Func<Exception, Task> onErrorAsync) =>
        obs.SubscribeAsync(new FunctionBatchObserver<T>(onNextAsync, onErrorAsync, s_noEnd));

    public static Task<StreamSubscriptionHandle<T>> SubscribeAsync<T>(this IAsyncBatchObservable<T> obs, Func<IList<SequentialItem<T>>, Task> onNextAsync, Func<Exception, Task> onErrorAsync, Func<Task> onCompletedAsync) =>
        obs.SubscribeAsync(new FunctionBatchObserver<T>(onNextAsync, onErrorAsync, onCompletedAsync));
}

public static class StreamSubscriptionHandleExtensions
{
    public static Task<StreamSubscriptionHandle<T>> ResumeAsync<T>(this StreamSubscriptionHandle<T> handle, Func<T, StreamSequenceToken?, Task> onNextAsync, StreamSequenceToken? token = null) =>
        handle.ResumeAsync(new FunctionObserver<T>(onNextAsync, static _ => Task.CompletedTask, static () => Task.CompletedTask), token);

    public static Task<StreamSubscriptionHandle<T>> ResumeAsync<T>(this StreamSubscriptionHandle<T> handle, Func<T, StreamSequenceToken?, Task> onNextAsync, Func<Exception, Task> onErrorAsync, StreamSequenceToken? token = null) =>
        handle.ResumeAsync(new FunctionObserver<T>(onNextAsync, onErrorAsync, static () => Task.CompletedTask), token);

    public static Task<StreamSubscriptionHandle<T>> ResumeAsync<T>(this StreamSubscriptionHandle<T> handle, Func<IList<SequentialItem<T>>, Task> onNextAsync, StreamSequenceToken? token = null) =>
        handle.ResumeAsync(new FunctionBatchObserver<T>(onNextAsync, static _ => Task.CompletedTask, static () => Task.CompletedTask), token);

    public static Task<StreamSubscriptionHandle<T>> ResumeAsync<T>(this StreamSubscriptionHandle<T> handle, Func<IList<SequentialItem<T>>, Task> onNextAsync, Func<Exception, Task> onErrorAsync, StreamSequenceToken? token = null) =>
        handle.ResumeAsync(new FunctionBatchObserver<T>(onNextAsync, onErrorAsync, static () => Task.CompletedTask), token);
}

internal sealed class FunctionObserver<T>(Func<T, StreamSequenceToken?, Task> onNext, Func<Exception, Task> onError, Func<Task> onCompleted) : IAsyncObserver<T>
{
    public Task OnNextAsync(T item, StreamSequenceToken? token) => onNext(item, token);

    public Task OnErrorAsync(Exception ex) => onError(ex);

    public Task OnCompletedAsync() => onCompleted();
}

internal sealed class FunctionBatchObserver<T>(Func<IList<SequentialItem<T>>, Task> onNext, Func<Exception, Task> onError, Func<Task> onCompleted) : IAsyncBatchObserver<T>
{
    public Task OnNextAsync(IList<SequentialItem<T>> items) => onNext(items);

    public Task OnErrorAsync(Exception ex) => onError(ex);

    public Task OnCompletedAsync() => onCompleted();
}
