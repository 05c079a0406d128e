/**
 * A promise may have a `then` of its own that calls back as often as it likes; as for `await`, only the genuine one
 * counts. Taken when the module is loaded.
 */
// It is called on a promise each time.
// eslint-disable-next-line @typescript-eslint/unbound-method
const { then: nativeThen } = Promise.prototype;

/** Calls one of both back, once, when the promise, or whatever can be awaited, has settled. */
export function whenSettled(
  awaited: PromiseLike<unknown>,
  returned: (value: unknown) => void,
  threw: (error: unknown) => void,
): void {
  void nativeThen.call(Promise.resolve(awaited), returned, threw);
}
