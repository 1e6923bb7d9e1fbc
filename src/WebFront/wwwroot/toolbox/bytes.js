const encoder = new TextEncoder();

/** Bytes of UTF-8. @param {string} text */
export function byteCount(text) { return encoder.encode(text).length; }

/** "1 byte", "128 bytes", "1.5 KiB". @param {number} bytes */
export function sizeOf(bytes) {
  if (bytes < 1024) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/**
 * Bytes written as hexadecimal; spaces, line ends, commas and `0x` may stand between them.
 * @param {string} text
 */
export function parseHex(text) {
  const digits = text.replace(/0x/gi, ' ').replace(/[\s,]+/g, '');
  const wrong = digits.match(/[^0-9a-f]/i);
  if (wrong) throw new Error(`“${wrong[0]}” is not a hexadecimal digit; write bytes like: 48 65 6c 6c 6f`);
  if (digits.length % 2) throw new Error(`${digits.length} digits do not make whole bytes; each byte needs two.`);
  return Uint8Array.from(digits.match(/../g) ?? [], pair => parseInt(pair, 16));
}

/** How much of a binary frame is worth looking at. */
const dumpLimit = 4096;

/** A dump as hexdump makes it: offset, eight bytes (as many as a phone has room for), and those that are printable ASCII. @param {Uint8Array} bytes */
export function hexDump(bytes) {
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, dumpLimit); at += 8) {
    const row = [...bytes.subarray(at, at + 8)];
    const hex = row.map(byte => byte.toString(16).padStart(2, '0'));
    const ascii = row.map(byte => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${hex.join(' ').padEnd(23)}  ${ascii}`);
  }
  if (bytes.length > dumpLimit) lines.push(`… ${sizeOf(bytes.length - dumpLimit)} more`);
  return lines.join('\n');
}
