/** A page of who is in a room, from its frame. @param {any} frame */
export function pageOf({ users, members: total, next, data, order }) {
  return { users, total, next, ...(data !== undefined && { data }), ...(order !== undefined && { order }) };
}
