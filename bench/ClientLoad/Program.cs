using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Realtime.Client;
using Realtime.ClientLoad;

// What a message costs in Realtime.Client. The client has one core and the server, a process of its own, another.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
const int contentBytes = 128;
if (!OperatingSystem.IsLinux() && !OperatingSystem.IsWindows())
{
    Console.Error.WriteLine("client-load: processes can be given a core on Linux and Windows only");
    return 1;
}
if (args is ["serve", var asked])
{
    Process.GetCurrentProcess().ProcessorAffinity = Environment.ProcessorCount > 1 ? 2 : 1;
    await MessageServer.RunAsync(int.Parse(asked), contentBytes);
    return 0;
}
Process.GetCurrentProcess().ProcessorAffinity = 1;
var lossless = true;
foreach (var rate in new[] { 50_000, 0 })
    lossless &= await Measure(rate);
return lossless ? 0 : 1;

// At so many messages a second, or as many as come (0).
static async Task<bool> Measure(int rate)
{
    const int seconds = 5;
    using var server = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. Self(), "serve", $"{rate}"]) { RedirectStandardOutput = true, RedirectStandardInput = true })!;
    try
    {
        var address = new Uri((await server.StandardOutput.ReadLineAsync())!);
        // As fast as they come, the queue is to hold what one turn of the scheduler brings.
        await using var client = new RealtimeClient(rate > 0 ? new() { Address = address } : new() { Address = address, ReceiveMessages = 1_000_000, ReceiveBytes = 1 << 30 });
        var room = await client.JoinAsync("load");
        var (count, missed, warm) = (0L, 0L, false);
        var clock = Stopwatch.StartNew();
        var (allocated, cpu, collections) = (0L, TimeSpan.Zero, 0);
        await foreach (var message in room.MessagesAsync())
        {
            missed += message.Missed is { } loss ? loss.Position.Sequence - loss.Since!.Value.Sequence : 0;
            count++;
            if (!warm && clock.Elapsed.TotalSeconds >= 2)
            {
                warm = true;
                (count, missed) = (0, 0);
                (allocated, cpu, collections) = (GC.GetTotalAllocatedBytes(true), Environment.CpuUsage.TotalTime, GC.CollectionCount(0));
                clock.Restart();
            }
            else if (warm && clock.Elapsed.TotalSeconds >= seconds)
            {
                break;
            }
        }
        var (elapsed, used) = (clock.Elapsed, Environment.CpuUsage.TotalTime - cpu);
        var bytes = (double)(GC.GetTotalAllocatedBytes(true) - allocated) / (count + missed);
        Console.WriteLine(
            $"{(rate == 0 ? "as they come" : $"{rate:N0}/s"),-13} {count / elapsed.TotalSeconds,9:N0} messages/s  {used / elapsed,5:P0} of a core  {used.TotalMicroseconds / count:0.00} us each  "
            + $"{bytes,5:0} bytes allocated each, {bytes - SizeOfMessage():0.0} beyond the message  {GC.CollectionCount(0) - collections} collections  {missed} missed");
        return missed == 0;
    }
    finally
    {
        server.Kill();
    }
}

// The message as the application has it: the object, and its text.
static long SizeOfMessage()
{
    const int times = 1_000;
    var before = 0L;
    for (var i = -1; i < times; i++) // the first time is not only for itself
    {
        before = i == 0 ? GC.GetAllocatedBytesForCurrentThread() : before;
        GC.KeepAlive(RuntimeHelpers.GetUninitializedObject(typeof(RoomMessage)));
        GC.KeepAlive(new string('x', contentBytes));
    }
    return (GC.GetAllocatedBytesForCurrentThread() - before) / times;
}

static string[] Self() => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(MessageServer).Assembly.Location] : [];
