import net from 'node:net';

/**
 * A TCP proxy in front of the server, which does what networks do: cut connections anywhere in the stream, also in the
 * middle of a frame, and go silent. It can also take out or change frames of the server, as no network does.
 * @param {number} port  Of the server, on loopback.
 */
export async function startProxy(port) {
  /** @type {Set<{near: net.Socket, far: net.Socket}>} */
  const pairs = new Set();
  /** All that are open, also those that no longer have another side. @type {Set<net.Socket>} */
  const clients = new Set();
  const proxy = {
    url: '',
    /** Connections that were accepted so far. */
    accepted: 0,
    /** While true, new connections are refused (reset). */
    down: false,
    /** While true, bytes are swallowed in both directions and nobody is told: a dead network. */
    silent: false,
    /** Bytes of the server that go through before the next cut. */
    cutAfter: Infinity,
    /** The requests of opening handshakes. @type {string[]} */
    requests: [],
    /** Sees each text of the server; gives the text to forward, or null to take it out. @type {null|((text: string) => string|null)} */
    change: /** @type {any} */ (null),
    /** Resets all connections. */
    cut() {
      for (const near of clients) reset(near);
      for (const { far } of pairs) reset(far);
      pairs.clear();
    },
    /** Answers the next opening handshake, then closes with that code. @type {null|{code: number, reason: string}} */
    closeNext: /** @type {any} */ (null),
    async stop() {
      this.cut();
      await new Promise(resolve => server.close(resolve));
    },
  };

  const server = net.createServer(near => {
    proxy.accepted++;
    near.on('error', () => {});
    clients.add(near);
    near.on('close', () => clients.delete(near));
    if (proxy.down) return reset(near);
    const far = net.connect(port, '127.0.0.1');
    far.on('error', () => {});
    const pair = { near, far };
    pairs.add(pair);
    const frames = frameReader();
    near.on('data', bytes => {
      if (bytes.subarray(0, 4).toString('latin1') === 'GET ') proxy.requests.push(bytes.toString('latin1'));
      if (!proxy.silent) far.write(bytes);
    });
    far.on('data', bytes => {
      if (proxy.silent) return;
      for (const piece of frames(bytes, text => (proxy.change ? proxy.change(text) : text))) {
        if (piece.length < proxy.cutAfter) {
          proxy.cutAfter -= piece.length;
          near.write(piece);
          continue;
        }
        // What was let through must be on its way before the end is.
        near.end(piece.subarray(0, proxy.cutAfter));
        proxy.cutAfter = Infinity;
        reset(far);
        pairs.delete(pair);
        return;
      }
      if (proxy.closeNext && frames.isOpen()) {
        const { code, reason } = proxy.closeNext;
        proxy.closeNext = null;
        near.write(frame(8, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)])));
        // What the client still sends is no longer for the server.
        near.removeAllListeners('data').on('data', () => near.end());
        reset(far);
      }
    });
    near.on('close', () => { far.destroy(); pairs.delete(pair); });
    far.on('close', () => { if (!proxy.silent && !near.writableEnded) near.end(); pairs.delete(pair); });
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  proxy.url = `ws://127.0.0.1:${/** @type {net.AddressInfo} */ (server.address()).port}/ws`;
  return proxy;
}

/**
 * Ends a connection by RST. One that has begun to end, or not yet begun, is only dropped: reset as well, it can keep Node
 * 24 from ever ending.
 * @param {net.Socket} socket
 */
function reset(socket) {
  if (socket.readyState === 'open') socket.resetAndDestroy();
  else socket.destroy();
}

/** A frame of a server, which has no mask (RFC 6455 section 5.2); up to 64 KiB are enough here. */
function frame(/** @type {number} */ opcode, /** @type {Buffer} */ payload) {
  const head = payload.length < 126 ? Buffer.from([0x80 | opcode, payload.length])
    : Buffer.from([0x80 | opcode, 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([head, payload]);
}

/** Takes a server's bytes apart: gives the handshake and the whole frames, texts through `change`. */
function frameReader() {
  let rest = Buffer.alloc(0);
  let open = false;
  /** @param {Buffer} bytes @param {(text: string) => string|null} change */
  const read = (bytes, change) => {
    rest = Buffer.concat([rest, bytes]);
    const pieces = [];
    if (!open) {
      const end = rest.indexOf('\r\n\r\n');
      if (end < 0) return [];
      pieces.push(rest.subarray(0, end + 4));
      rest = rest.subarray(end + 4);
      open = true;
    }
    while (rest.length >= 2) {
      let length = rest[1] & 127;
      let head = 2;
      if (length === 126) {
        if (rest.length < 4) break;
        [length, head] = [rest.readUInt16BE(2), 4];
      } else if (length === 127) {
        if (rest.length < 10) break;
        [length, head] = [Number(rest.readBigUInt64BE(2)), 10];
      }
      if (rest.length < head + length) break;
      const whole = rest.subarray(0, head + length);
      rest = rest.subarray(head + length);
      if ((whole[0] & 15) !== 1) {
        pieces.push(whole);
        continue;
      }
      const text = whole.subarray(head).toString();
      const changed = change(text);
      if (changed === text) pieces.push(whole);
      else if (changed !== null) pieces.push(frame(1, Buffer.from(changed)));
    }
    return pieces;
  };
  read.isOpen = () => open;
  return read;
}
