import { client, within } from './clients.js';

/** A client whose server is the test: `say` is what the server sends, `heard` resolves with what it gets next. */
export async function scripted() {
  const inbox = [];
  let wake = () => {};
  let socket;
  class Socket {
    readyState = 0;
    constructor() {
      socket = this;
      setTimeout(() => {
        this.readyState = 1;
        this.onopen();
      });
    }
    send(text) { inbox.push(JSON.parse(text)); wake(); }
    close() { this.readyState = 3; }
  }
  const made = client({ url: 'ws://127.0.0.1:1/ws', WebSocket: Socket });
  await made.connect();
  return {
    made,
    say: frame => socket.onmessage({ data: JSON.stringify(frame) }),
    drop: () => socket.onclose({ code: 1006, reason: '' }),
    async heard() {
      if (inbox.length === 0) await within(new Promise(resolve => { wake = resolve; }), 'a frame');
      return inbox.shift();
    },
  };
}
