/** The code of an error of the client. @param {unknown} error */
export function codeOf(error) { return /** @type {any} */ (error)?.code; }

/** What an error says. @param {unknown} error */
export function wordsOf(error) { return error instanceof Error ? error.message : String(error); }
