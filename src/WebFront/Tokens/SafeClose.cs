using Realtime.Connections;
using Realtime.PushStreams;

namespace Realtime.WebFront.Tokens;

/// <summary>Closes one of many connections, from a timer or a callback: a failure is logged, cuts that connection and keeps no other open.</summary>
internal static class SafeClose
{
    public static void Close(Connection connection, ushort code, string reason, Action<string, Exception> log)
    {
        try
        {
            _ = connection.CloseAsync(code, reason);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => log(connection.Id, exception));
            connection.Abort();
        }
    }
}
