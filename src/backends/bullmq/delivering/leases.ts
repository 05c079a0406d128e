import type { Clock, Timer } from '../../../ports/clock.js';
import { systemClock } from '../../../timing/system-clock.js';
import type { Delivery } from './delivery.js';
import type { FleetLane } from './fleet-lane.js';
import type { FleetLease } from './fleet-lease.js';
import type { FleetServer } from '../server/fleet-server.js';

/** How often a lease is renewed while it lasts; and how often where the server has not answered. */
const RENEWALS = 3;
const HASTY_RENEWALS = 10;

/** What {@link Leases} works with. */
export interface LeaseParts {
  readonly server: FleetServer;
  readonly clock: Clock;
  /** How long a lease lasts that is not renewed, in ms. */
  readonly lockMs: number;
  /** Told of each lease that was renewed; must not throw. */
  readonly renewed: (lease: FleetLease) => void;
}

/**
 * The leases of this process: renewed as long as their handlers are at work, and lost once. One that could not be renewed
 * in time is lost without a word of the server: another process may have the run from then on.
 */
export class Leases {
  readonly #server: FleetServer;
  readonly #clock: Clock;
  readonly #lockMs: number;
  readonly #renewed: (lease: FleetLease) => void;
  readonly #byJob = new Map<string, FleetLease>();
  #timer: Timer | undefined;
  #expiry: Timer | undefined;
  #open = false;

  constructor({ server, clock, lockMs, renewed }: LeaseParts) {
    this.#server = server;
    this.#clock = clock;
    this.#lockMs = lockMs;
    this.#renewed = renewed;
  }

  open(): void {
    this.#open = true;
    this.#renewLater(RENEWALS);
  }

  close(): void {
    this.#open = false;
    this.#timer?.cancel();
    this.#expiry?.cancel();
    this.#byJob.clear();
  }

  get all(): Iterable<FleetLease> {
    return this.#byJob.values();
  }

  /** The lease that this process has of a job. */
  of(jobId: string): FleetLease | undefined {
    return this.#byJob.get(jobId);
  }

  /** How long nobody else can have what was delivered, in ms, unless its lease is renewed; 0 or less: somebody may. */
  lastsFor({ askedAt }: Pick<Delivery, 'askedAt'>): number {
    return this.#lockMs - (systemClock.monotonic() - askedAt);
  }

  add(lease: FleetLease): void {
    // The same process may get a job again that it has lost without knowing yet.
    const before = this.#byJob.get(lease.delivery.jobId);
    this.#byJob.set(lease.delivery.jobId, lease);
    lease.lastsUntil = this.#clock.monotonic() + this.lastsFor(lease.delivery);
    this.#watch(lease.lastsUntil);
    if (before !== undefined) this.lose(before);
  }

  /** What its handler tells concerns nobody any more, because all is told. */
  end(lease: FleetLease): void {
    lease.phase = 'over';
    const { jobId } = lease.delivery;
    if (this.#byJob.get(jobId) === lease) this.#byJob.delete(jobId);
  }

  /** Somebody else may have the run. */
  lose(lease: FleetLease): void {
    if (lease.phase === 'over') return;
    this.end(lease);
    lease.holder?.lost();
  }

  /** Sees to it that the time is looked at by then. */
  #watch(until: number): void {
    if (!this.#open || this.#expiry !== undefined) return;
    this.#expiry = this.#clock.after(Math.max(0, until - this.#clock.monotonic()), () => {
      this.#expiry = undefined;
      this.#loseExpired();
      if (this.#byJob.size > 0) this.#watch(this.#firstEnd());
    });
    this.#expiry.unref();
  }

  /** When the next lease may be over. One that is being settled is looked at a little later where it should be by now. */
  #firstEnd(): number {
    const soon = this.#clock.monotonic() + this.#lockMs / HASTY_RENEWALS;
    let first = Infinity;
    for (const { phase, lastsUntil } of this.#byJob.values())
      first = Math.min(first, isKept(phase) ? lastsUntil : Math.max(lastsUntil, soon));
    return first;
  }

  #loseExpired(): void {
    const now = this.#clock.monotonic();
    for (const lease of [...this.#byJob.values()]) if (isKept(lease.phase) && lease.lastsUntil <= now) this.lose(lease);
  }

  #renewLater(times: number): void {
    if (!this.#open) return;
    this.#timer = this.#clock.after(this.#lockMs / times, () => void this.#renewAll());
    this.#timer.unref();
  }

  async #renewAll(): Promise<void> {
    // Where the event loop was blocked, it may be too late.
    this.#loseExpired();
    const byLane = new Map<FleetLane, FleetLease[]>();
    for (const lease of this.#byJob.values()) {
      const { lane } = lease.delivery;
      const leases = byLane.get(lane);
      if (leases === undefined) byLane.set(lane, [lease]);
      else leases.push(lease);
    }
    const renewed = await Promise.allSettled(Array.from(byLane, ([lane, leases]) => this.#renew(lane, leases)));
    this.#renewLater(renewed.some(({ status }) => status === 'rejected') ? HASTY_RENEWALS : RENEWALS);
  }

  async #renew(lane: FleetLane, leases: readonly FleetLease[]): Promise<void> {
    const jobIds = leases.map(({ delivery }) => delivery.jobId);
    const tokens = leases.map(({ delivery }) => delivery.token);
    const askedAt = this.#clock.monotonic();
    const lost = await this.#server.call('renew leases', () =>
      lane.queue.jobs.extendLocks(jobIds, tokens, this.#lockMs),
    );
    for (const lease of leases) {
      if (!lost.includes(lease.delivery.jobId)) {
        lease.lastsUntil = askedAt + this.#lockMs;
        this.#renewed(lease);
      } else if (isKept(lease.phase)) this.lose(lease);
    }
    await this.#hearCancels(lane, leases);
  }

  /** A cancel is told at once; this is for a message that was lost. */
  async #hearCancels(lane: FleetLane, leases: readonly FleetLease[]): Promise<void> {
    if ((await lane.doubt()) === 0) return;
    const notes = await this.#server.book.notesOf(leases.map(({ delivery }) => delivery.jobId));
    leases.forEach((lease, at) => {
      const cancel = notes[at]?.cancel;
      if (cancel) lease.cancelled(cancel);
    });
  }
}

/** What is being settled has perhaps no lock any more for that reason: its own answer tells. */
function isKept(phase: FleetLease['phase']): boolean {
  return phase !== 'settling';
}
