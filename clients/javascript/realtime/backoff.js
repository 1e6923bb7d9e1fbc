/**
 * Milliseconds to wait before attempt `attempt` (0, 1, 2 ...): uniform in 0 .. min(max, base * 2^attempt), so that
 * clients that were cut off together do not come back together.
 * @param {number} attempt @param {number} base @param {number} max @param {() => number} [random]
 */
export function backoff(attempt, base, max, random = Math.random) {
  return random() * Math.min(max, base * 2 ** attempt);
}

/** @typedef {ReturnType<typeof setTimeout>|undefined} Timer */
