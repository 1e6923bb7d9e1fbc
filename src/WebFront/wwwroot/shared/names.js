/** The longest room name and user name, in bytes of UTF-8. */
const nameBytes = 128;

/**
 * Says what is wrong with a room or user name; null when nothing is. The server checks the same: this only tells earlier.
 * @param {string} name @param {'room'|'user'} what
 */
export function nameProblem(name, what) {
  const noun = what === 'room' ? 'room name' : 'name';
  if (name === '') return `Please enter a ${noun}.`;
  if (/\p{Cc}/u.test(name)) return `The ${noun} has a control character, such as a tab; those are not allowed.`;
  const bytes = new TextEncoder().encode(name).length;
  return bytes > nameBytes ? `The ${noun} is ${bytes} bytes long; at most ${nameBytes} are allowed.` : null;
}

/**
 * The user that a JWT speaks for (its `sub`), to know one's own messages by; null when it cannot be read.
 * The server verifies the token, this does not.
 * @param {string} token
 */
export function subjectOf(token) {
  try {
    const payload = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    const bytes = Uint8Array.from(atob(payload), c => c.charCodeAt(0));
    const subject = JSON.parse(new TextDecoder().decode(bytes)).sub;
    return typeof subject === 'string' ? subject : null;
  } catch {
    return null;
  }
}
