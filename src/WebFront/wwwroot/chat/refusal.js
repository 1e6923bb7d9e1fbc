/**
 * Why the server does not let somebody in, or null when that is not what is wrong. A browser does not say why a handshake failed; an
 * ordinary request to the same address does.
 * @param {string} name @param {string} token
 * @returns {Promise<string|null>}
 */
export async function refusalOf(name, token) {
  try {
    const answer = await (token ? fetch('ws', { headers: { authorization: `Bearer ${token}` } }) : fetch(`ws?${new URLSearchParams({ user: name })}`));
    if (answer.status !== 401 && answer.status !== 403) return null;
    const problem = await answer.json().catch(() => null);
    return problem?.detail ?? 'The server does not accept this name or token.';
  } catch {
    return null; // the server is away: the state of the connection says so already
  }
}
