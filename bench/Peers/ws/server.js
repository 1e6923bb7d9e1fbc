// The package ws: a frame goes to every member of the room in the path, as in the broadcast example of its README.
const { WebSocketServer, WebSocket } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 1024 });
const rooms = new Map();
server.on("connection", (socket, request) => {
  let room = rooms.get(request.url);
  if (!room) rooms.set(request.url, room = new Set());
  room.add(socket);
  socket.on("error", () => socket.terminate());
  socket.on("close", () => room.delete(socket));
  socket.on("message", (data, isBinary) => {
    for (const member of room) {
      if (member.readyState === WebSocket.OPEN) member.send(data, { binary: isBinary });
    }
  });
});
