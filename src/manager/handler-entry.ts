import type { Holder } from '../ports/backend.js';

/** Calls what begins an attempt. Must not throw. */
export type HandlerEntry = (begin: () => void) => void;

/** A holder whose attempt begins through the entry. */
export function enteredBy(entry: HandlerEntry, holder: Holder): Holder {
  return {
    begin: () => entry(() => holder.begin()),
    cancel: (request) => holder.cancel(request),
    lost: () => holder.lost(),
  };
}
