import { bdi } from '../shared/dom.js';
import { codeOf, wordsOf } from './errors.js';
import { notice } from './panels.js';

/** @typedef {import('./conversation.js').Conversation} Conversation */

/** Names asked for at once. */
const membersPage = 200;
/** The least time (ms) between two looks at who is in a room that tells only how many come and go. */
const membersPause = 3_000;

/**
 * Asks who is in a room, and when that has to be asked again.
 * @param {{
 *   client: () => import('../realtime.js').RealtimeClient|null,
 *   isOpen: (conversation: Conversation) => boolean,
 *   onChange: (conversation: Conversation) => void,
 * }} page
 */
export function memberLists({ client, isOpen, onChange }) {
  /** Somebody came or went by name: in a room that has been a large one, names that are not told may be wrong. @param {Conversation} conversation */
  function toldOf(conversation) {
    conversation.presence++;
    if (!conversation.membersUnsure) return;
    conversation.membersUnsure = false;
    load(conversation, true);
  }

  /** Asks who is there after a pause, which is for all that happens within it. @param {Conversation} conversation */
  function loadSoon(conversation) {
    if (conversation.membersTimer) return;
    conversation.membersTimer = setTimeout(() => {
      conversation.membersTimer = undefined;
      if (isOpen(conversation)) load(conversation, true);
    }, membersPause);
  }

  /** @param {Conversation} conversation @param {boolean} [afresh] */
  async function load(conversation, afresh = false) {
    const from = client();
    if (!from) return;
    const { presence } = conversation;
    try {
      const after = afresh ? undefined : conversation.membersNext ?? undefined;
      const page = await from.room(conversation.name).members({ after, limit: membersPage });
      // The answer may be of before what was told meanwhile, or of after it.
      if (conversation.presence !== presence) loadSoon(conversation);
      if (afresh) conversation.members.clear();
      for (const user of page.users) conversation.members.add(user);
      conversation.memberCount = page.total;
      conversation.membersNext = page.next ?? null;
      onChange(conversation);
    } catch (error) {
      // Asked again after the next join; a lost connection is shown elsewhere.
      if (codeOf(error) !== 'offline') notice(bdi(wordsOf(error)));
    }
  }

  return { toldOf, loadSoon, load };
}
