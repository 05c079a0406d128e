/** Errors that handlers get because the manager closes. */
const interruptions = new WeakSet<object>();

/** Says of an error that the handler which lets it through was interrupted: it has not failed by itself. */
export function asInterruption<E extends object>(error: E): E {
  interruptions.add(error);
  return error;
}

/** Whether a handler that throws this was interrupted by the closing of its manager. */
export function isInterruption(thrown: unknown): boolean {
  return typeof thrown === 'object' && thrown !== null && interruptions.has(thrown);
}
