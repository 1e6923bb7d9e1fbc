using Realtime.Bench.Load;
using Realtime.Floor;

// No server, but the least that one can do: one thread, one epoll, no checks, no protocol. It takes what came on all sockets,
// and then sends each member of a room all of the room's new messages at once. What it costs is the kernel's price of a
// delivery, which no server can go below; other figures of the same run are best read as multiples of it.
var port = int.Parse(args[0]);
using var poller = new Poller();
var listener = Native.Listen(port);
poller.Add(listener, listener, Native.In);
var clients = new Dictionary<int, Client>();
var rooms = new Dictionary<string, Room>();
var changed = new List<Room>();
while (true)
{
    var count = poller.Wait(long.MaxValue / 2);
    for (var i = 0; i < count; i++)
    {
        var (socket, events) = poller[i];
        if (socket == listener)
        {
            Accept();
            continue;
        }
        var client = clients[socket];
        if ((events & Native.Out) != 0)
            client.Flush();
        if ((events & (Native.In | Native.Hup | Native.Err)) != 0 && !client.Read(rooms, changed))
        {
            clients.Remove(socket);
            client.Leave();
        }
    }
    foreach (var room in changed)
        room.Tell();
    changed.Clear();
}

void Accept()
{
    int socket;
    while ((socket = Native.Accept(listener)) >= 0)
    {
        clients[socket] = new Client(socket, poller);
        poller.Add(socket, socket, Native.In);
    }
}
