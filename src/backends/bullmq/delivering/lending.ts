import type { Clock } from '../../../ports/clock.js';
import { unlessAborted } from '../../../timing/on-abort.js';
import type { FleetServer } from '../server/fleet-server.js';
import type { FleetLease } from './fleet-lease.js';
import type { JobMoves } from './job-moves.js';

/** How long it is waited at most until it is asked again whether a slot can be taken back, in ms. */
const ASK_AGAIN_MS = 250;
const FIRST_WAIT_MS = 5;

/** What {@link Lending} works with. */
export interface LendingParts {
  readonly server: FleetServer;
  readonly clock: Clock;
  readonly moves: JobMoves;
}

/**
 * The slots of runs that wait for children of theirs: other runs of their task are at work in them meanwhile, in the whole
 * fleet. A task without `limits.concurrency` has no slots, and pays nothing.
 */
export class Lending {
  readonly #parts: LendingParts;
  /** Those who wait for a slot, by lane. */
  readonly #waiting = new Map<string, Set<() => void>>();
  #closed = false;

  constructor(parts: LendingParts) {
    this.#parts = parts;
  }

  /** As the port's. */
  async lend(lease: FleetLease): Promise<void> {
    if (!lease.delivery.lane.limits.boundsSlots || lease.phase !== 'at work' || lease.slot !== 'its own') return;
    lease.slot = 'lent';
    await this.#lend(lease);
  }

  /** Its lock was renewed: a slot that could not be lent, or was thought to be a dead process's, is lent now. */
  renewed(lease: FleetLease): void {
    if (lease.slot === 'lent') void this.#lend(lease);
  }

  /** As the port's. */
  async takeBack(lease: FleetLease, signal: AbortSignal): Promise<void> {
    if (lease.slot !== 'lent') return;
    lease.slot = 'wanted back';
    try {
      await unlessAborted(signal, (done: (value: undefined) => void, failed) => {
        this.#untilBack(lease, signal).then(() => done(undefined), failed);
        return () => undefined;
      });
    } catch (reason) {
      // Its handler goes on in any case: others are not to begin in its slot.
      this.settle(lease)?.catch(() => undefined);
      throw reason;
    }
  }

  /**
   * The attempt is over. Its slot is its own again before its job is moved: afterwards, one job more than may would be
   * active.
   *
   * @returns undefined where it is its own already. @throws {TaskError} BACKEND when this process closes first.
   */
  settle(lease: FleetLease): Promise<void> | undefined {
    if (lease.slot === 'its own') return undefined;
    lease.slot = 'its own';
    return this.#force(lease);
  }

  /** A run of a lane may have made room. */
  look(lane: string): void {
    for (const wake of [...(this.#waiting.get(lane) ?? [])]) wake();
  }

  /** Whoever waits is let go. */
  close(): void {
    this.#closed = true;
    for (const lane of [...this.#waiting.keys()]) this.look(lane);
  }

  #lend(lease: FleetLease): Promise<void> {
    const { lane, jobId, token } = lease.delivery;
    return this.#inOrder(lease, async () => {
      if (lease.slot === 'lent' && (await this.#parts.server.book.lend(lane.name, jobId, token))) lane.tellOthers();
    }).catch(() => undefined); // it is lent when its lock is renewed
  }

  #force(lease: FleetLease): Promise<void> {
    const { lane, jobId, token } = lease.delivery;
    const { moves, server } = this.#parts;
    return this.#inOrder(lease, async () => {
      await moves.answered('take the slot of a run back', () =>
        server.book.takeBack(lane.name, jobId, { token, force: true }),
      );
    });
  }

  /** What a server is told over several connections comes in another order. */
  #inOrder(lease: FleetLease, tell: () => Promise<void>): Promise<void> {
    const told = lease.lending === undefined ? tell() : lease.lending.then(tell);
    lease.lending = told.catch(() => undefined);
    return told;
  }

  async #untilBack(lease: FleetLease, signal: AbortSignal): Promise<void> {
    // The server may answer later to what was asked first.
    await lease.lending;
    const { name } = lease.delivery.lane;
    for (let waitMs = 0; this.#isWanted(lease, signal); waitMs = Math.min(2 * waitMs || FIRST_WAIT_MS, ASK_AGAIN_MS)) {
      if (waitMs > 0) await this.#wait(name, waitMs);
      if (!this.#isWanted(lease, signal) || !(await this.#ask(lease))) continue;
      if (lease.slot === 'wanted back') lease.slot = 'its own';
    }
  }

  #isWanted({ slot, phase }: FleetLease, signal: AbortSignal): boolean {
    return slot === 'wanted back' && phase === 'at work' && !this.#closed && !signal.aborted;
  }

  /** @returns false, too, where the server does not answer: then it is asked again. */
  async #ask({ delivery: { lane, jobId, token } }: FleetLease): Promise<boolean> {
    try {
      return await this.#parts.server.book.takeBack(lane.name, jobId, { token, force: false });
    } catch {
      return false;
    }
  }

  #wait(lane: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(lane) ?? new Set();
      this.#waiting.set(lane, waiting);
      const timer = this.#parts.clock.after(ms, () => wake());
      const wake = (): void => {
        timer.cancel();
        waiting.delete(wake);
        if (waiting.size === 0) this.#waiting.delete(lane);
        resolve();
      };
      waiting.add(wake);
    });
  }
}
