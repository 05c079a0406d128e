import type { Backend, Lease, MaybePromise } from '../ports/backend.js';
import type { Logger } from '../ports/logger.js';
import type { SlotOwner, Slots } from './slots.js';

/** An attempt's place among those of all processes together, where a limit holds for all of them. */
export interface SharedPlace {
  lend(): MaybePromise<void>;
  takeBack(signal: AbortSignal): MaybePromise<void>;
}

/** The place of the attempt with this lease; undefined where its backend has no limits for all processes. */
export function sharedPlace(backend: Backend, lease: Lease): SharedPlace | undefined {
  if (backend.lend === undefined || backend.takeBack === undefined) return undefined;
  return {
    lend: () => backend.lend?.(lease),
    takeBack: (signal) => backend.takeBack?.(lease, signal),
  };
}

/** What an {@link AttemptSlot} works with. */
export interface SlotParts {
  readonly slots: Slots;
  /** The task whose slot it is. */
  readonly owner: SlotOwner;
  readonly place: SharedPlace | undefined;
  readonly logger: Logger | undefined;
}

/**
 * The slot of an attempt that waits for runs it has started: lent as long as at least one of its waits is open, taken
 * back before the last of them resolves, and given back once, whatever comes first.
 */
export class AttemptSlot {
  readonly #parts: SlotParts;
  #state: 'held' | 'lent' | 'given' = 'held';
  #waits = 0;
  /** Ends the wait for the slot: somebody waits for a run again, or the handler has settled. */
  #giveUp: (() => void) | undefined;
  /** What is on its way to the other processes, in order. */
  #told: Promise<void> | undefined;

  constructor(parts: SlotParts) {
    this.#parts = parts;
  }

  /** Waits without the slot. However the wait ends, it has the slot again then, unless other waits are still open. */
  async lentFor<T>(wait: Promise<T>): Promise<T> {
    this.#waits += 1;
    this.#lend();
    try {
      return await wait;
    } finally {
      this.#waits -= 1;
      if (this.#waits === 0 && this.#state === 'lent') await this.#takeBack();
    }
  }

  /** The handler is at work no more. @param joining its run is, until its children have ended. */
  give(joining = false): void {
    const before = this.#state;
    this.#state = 'given';
    this.#giveUp?.();
    if (before === 'held') this.#parts.slots.give(this.#parts.owner);
    if (before === 'held' && joining) this.#lendPlace();
  }

  #lend(): void {
    this.#giveUp?.();
    if (this.#state !== 'held') return;
    this.#state = 'lent';
    this.#parts.slots.give(this.#parts.owner);
    this.#lendPlace();
  }

  #takeBack(): Promise<void> {
    const { place } = this.#parts;
    return place === undefined ? this.#takeOwnBack() : this.#takeBothBack(place);
  }

  #takeOwnBack(): Promise<void> {
    const { slots, owner } = this.#parts;
    return new Promise((resolve) => {
      const over = (): void => {
        this.#giveUp = undefined;
        resolve();
      };
      const withdraw = slots.takeBack(owner, () => {
        this.#state = 'held';
        over();
      });
      if (this.#state === 'held') return;
      this.#giveUp = () => {
        withdraw();
        over();
      };
    });
  }

  /** The one of all processes first: whoever waits for it keeps nobody here from beginning. */
  async #takeBothBack(place: SharedPlace): Promise<void> {
    const gaveUp = new AbortController();
    this.#giveUp = () => gaveUp.abort();
    await this.#tell(() => (gaveUp.signal.aborted ? undefined : place.takeBack(gaveUp.signal)));
    if (!gaveUp.signal.aborted) await this.#takeOwnBack();
    // Somebody waits again: whether the place was taken meanwhile or not, it is lent.
    if (this.#state !== 'held') this.#lendPlace();
  }

  #lendPlace(): void {
    const { place } = this.#parts;
    if (place !== undefined) void this.#tell(() => place.lend());
  }

  /** What cannot be told to the other processes ends with the lease: the handler goes on. */
  #tell(act: () => MaybePromise<void>): Promise<void> {
    return (this.#told = (this.#told ?? Promise.resolve()).then(act).catch((err: unknown) => {
      this.#parts.logger?.warn({ err }, 'The place of a waiting run could not be lent or taken back');
    }));
  }
}
