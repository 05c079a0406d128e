/** The one listener for each signal, and whom it calls. */
const watches = new WeakMap<AbortSignal, AbortWatch>();

/**
 * Calls `callback` once when the signal aborts; at once, if it has. However many wait for one signal, it carries a single
 * listener: from the eleventh on Node would warn of a leak.
 *
 * @param callback must not throw.
 * @returns forgets the callback, and with the last one the listener; may be called at any time, any number of times.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => undefined;
  }
  let watch = watches.get(signal);
  if (watch === undefined) watches.set(signal, (watch = new AbortWatch(signal)));
  return watch.add(callback);
}

/**
 * A wait that the signal can end.
 *
 * @param begin begins to wait: it is given what to call when the wait is over, and returns what gives the wait up. Not
 * called where the signal has aborted before.
 * @returns resolves with what the wait ended with; rejects with the signal's reason as soon as that aborts, or with what
 * `begin` throws. Leaves no listener behind.
 */
export function unlessAborted<T>(
  signal: AbortSignal | undefined,
  begin: (done: (value: T) => void, failed: (error: Error) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    // The reason of an abort is the caller's own value, an error or not.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    const refuse = (): void => reject(signal?.reason);
    if (signal?.aborted) {
      refuse();
      return;
    }
    // Set by a callback, which TypeScript does not see.
    let over = false as boolean;
    let forget = (): void => undefined;
    const end = (): void => {
      over = true;
      forget();
    };
    const giveUp = begin(
      (value) => {
        end();
        resolve(value);
      },
      (error) => {
        end();
        reject(error);
      },
    );
    if (over || signal === undefined) return;
    forget = onAbort(signal, () => {
      giveUp();
      refuse();
    });
  });
}

class AbortWatch {
  readonly #signal: AbortSignal;
  readonly #entries = new Set<{ readonly callback: () => void }>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort);
  }

  add(callback: () => void): () => void {
    const entry = { callback };
    this.#entries.add(entry);
    return () => {
      if (this.#entries.delete(entry) && this.#entries.size === 0) this.#end();
    };
  }

  readonly #onAbort = (): void => {
    this.#end();
    for (const { callback } of this.#entries) callback();
  };

  #end(): void {
    watches.delete(this.#signal);
    this.#signal.removeEventListener('abort', this.#onAbort);
  }
}
