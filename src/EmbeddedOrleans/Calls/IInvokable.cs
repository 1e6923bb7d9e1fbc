using System.Reflection;

namespace Orleans.Serialization.Invocation;

/// <summary>A call, as a predicate of <see cref="Concurrency.MayInterleaveAttribute"/> sees it.</summary>
public interface IInvokable
{
    int GetArgumentCount();

    object? GetArgument(int index);

    string GetMethodName();

    string GetInterfaceName();

    Type GetInterfaceType();

    MethodInfo GetMethod();
}
