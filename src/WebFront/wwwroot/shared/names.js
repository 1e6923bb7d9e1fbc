import { nameProblem } from '../realtime.js';

/**
 * Says what is wrong with a room or user name that somebody typed; null when nothing is.
 * @param {string} name @param {'room'|'user'} what
 */
export function typedNameProblem(name, what) {
  return name === '' ? `Please enter a ${what === 'room' ? 'room name' : 'name'}.` : nameProblem(name, what);
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
