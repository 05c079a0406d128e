// Taken when the module is loaded: fake timers of a test must not freeze a batch.
const setImmediateNow = setImmediate;

/** Calls `callback` in the next turn of the event loop. No time passes, so this is no matter for the clock port. */
export function atNextTurn(callback: () => void): void {
  setImmediateNow(callback);
}
