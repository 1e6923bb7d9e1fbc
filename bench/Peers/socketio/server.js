// socket.io with its rooms, as its documentation shows them; over WebSocket alone, as the generator speaks it.
const { createServer } = require("http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false });
io.on("connection", (socket) => {
  socket.on("join", async (room, done) => {
    await socket.join(room);
    done();
  });
  socket.on("leave", async (room, done) => {
    await socket.leave(room);
    done();
  });
  socket.on("send", (room, text) => io.to(room).emit("message", text));
});
http.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 1024 });
