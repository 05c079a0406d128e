/** Looked up once: fake timers that replace the global must not freeze the delivery of runs. */
const immediate = setImmediate;

/** Calls `callback` in the next turn of the event loop, after what waits for input and output. */
export function nextTurn(callback: () => void): void {
  immediate(callback);
}

/** For how long work may be begun in one turn of the event loop before everything else gets its turn, in milliseconds. */
export const TURN_MS = 10;
