import assert from 'node:assert/strict';
import type {
  Accepted,
  Backend,
  BackendEnvironment,
  Lease,
  MaybePromise,
  Retention,
  StoredRun,
  Worker,
  WorkOptions,
} from '../../ports/backend.js';
import type { NewRun } from '../../ports/new-run.js';
import type { Clock } from '../../ports/clock.js';
import type { Run } from '../../task/run.js';
import type { RunEvent } from '../../task/run-event.js';
import { ManualClock } from '../manual-clock.js';
import { until } from './assertions.js';
import { Delivery } from './delivery.js';
import { newRun, REQUEST } from './samples.js';

/** A clock that the suite moves: {@link ManualClock}, or one whose `run` really waits. */
export interface DrivenClock extends Clock {
  /** Lets `ms` milliseconds pass, and everything happen that is due within them. */
  run(ms: number): Promise<void>;
}

/** What a factory of backends may answer with, where the backend alone does not say enough. */
export interface ContractSubject {
  readonly backend: Backend;
  /** The clock that the backend goes by, where it cannot go by the manual one. */
  readonly clock?: DrivenClock;
  /**
   * Gives a new backend, not opened yet, on what the last one has left: where that is open, as if its process were killed
   * in this turn. The part `restart` of the suite needs it.
   */
  readonly reopen?: () => MaybePromise<Backend>;
  /**
   * Makes the backend take the process for dead that has this lease: another may have the run. The part `lostLeases`
   * of the suite needs it.
   */
  readonly lose?: (lease: Lease) => MaybePromise<void>;
  /** Called after the backends were closed: removes what they leave behind. */
  readonly dispose?: () => MaybePromise<void>;
}

/** Makes a new, empty backend that was not opened yet. Called once for each test. */
export type MakeBackend = (given: { readonly clock: ManualClock }) => MaybePromise<Backend | ContractSubject>;

type IfActive = Parameters<Backend['accept']>[1];

/** What a test may ask of its stage. */
export interface StageOptions {
  readonly queueLimit?: number;
  readonly retention?: Partial<Retention>;
}

const PLENTY: Retention = {
  keepResultMs: 3_600_000,
  maxFinished: 1_000,
  keepFailedMs: 3_600_000,
  maxFailed: 1_000,
  keepKeyMs: 3_600_000,
  maxKeys: 1_000,
};

/** A backend at work, everything that it told, and short ways to ask it. */
export class Stage {
  readonly backend: Backend;
  readonly clock: DrivenClock;
  readonly deliveries: Delivery[] = [];
  readonly events: RunEvent[] = [];
  readonly settled: Run[] = [];
  readonly forgotten: string[] = [];
  readonly cancelledLate: string[] = [];
  readonly #subject: ContractSubject;
  readonly #options: StageOptions;
  #worker: Worker | undefined;
  #next: Stage | undefined;
  #closed = false;

  private constructor(subject: ContractSubject, clock: DrivenClock, options: StageOptions) {
    this.backend = subject.backend;
    this.clock = clock;
    this.#subject = subject;
    this.#options = options;
  }

  /** Calls `act` with a backend that was opened for it alone, and closes it afterwards, however `act` ends. */
  static async open(make: MakeBackend, options: StageOptions, act: (stage: Stage) => Promise<void>): Promise<void> {
    const clock = new ManualClock();
    const made = await make({ clock });
    const subject: ContractSubject = 'backend' in made ? made : { backend: made };
    const stage = new Stage(subject, subject.clock ?? clock, options);
    try {
      await stage.#open();
      await act(stage);
    } finally {
      await stage.close();
      await subject.dispose?.();
    }
  }

  /** A stage on what a process leaves that is killed now; it is opened `afterMs` later. Closed with this one. */
  async reopen({ afterMs = 0 } = {}): Promise<Stage> {
    const { reopen } = this.#subject;
    assert(reopen, 'this part of the suite needs a subject that says how it is reopened');
    const backend = await reopen();
    await this.clock.run(afterMs);
    this.#next = new Stage({ ...this.#subject, backend }, this.clock, this.#options);
    await this.#next.#open();
    return this.#next;
  }

  /** Takes a lease away. */
  async lose(lease: Lease): Promise<void> {
    const { lose } = this.#subject;
    assert(lose, 'this part of the suite needs a subject that says how a lease is lost');
    await lose(lease);
  }

  /** Lets no more runs begin, and closes the backend and those that came after it. */
  async close(): Promise<void> {
    await this.#next?.close();
    if (this.#closed) return;
    this.#closed = true;
    this.#worker?.stop();
    await this.backend.close();
  }

  async #open(): Promise<void> {
    await this.backend.open(this.#environment(this.#options));
    this.backend.subscribe(null, (event) => this.events.push(event));
  }

  #environment({ queueLimit = 1_000, retention }: StageOptions): BackendEnvironment {
    return {
      clock: this.clock,
      logger: undefined,
      queueLimit,
      retention: { ...PLENTY, ...retention },
      observer: {
        settled: (run) => void this.settled.push(run.snapshot()),
        forgotten: (run) => void this.forgotten.push(run.id),
        cancelledLate: (run) => void this.cancelledLate.push(run.id),
      },
    };
  }

  /** Begins to take deliveries; every run finds a slot unless `freeSlots` says otherwise. */
  work(freeSlots: WorkOptions['freeSlots'] = () => 1): Worker {
    const take = (run: StoredRun, lease: Lease): Delivery => {
      const delivery = new Delivery(run, lease, this.backend);
      this.deliveries.push(delivery);
      return delivery;
    };
    return (this.#worker = this.backend.work({ freeSlots, take }));
  }

  async accept(id: string, run: Partial<NewRun> = {}, ifActive: IfActive = 'error'): Promise<Accepted> {
    return this.backend.accept({ ...newRun(id), ...run }, ifActive);
  }

  /** Accepts a run and waits for its delivery; `work` must have been called. */
  async deliver(id: string, run: Partial<NewRun> = {}): Promise<Delivery> {
    await this.accept(id, run);
    return this.delivery(id);
  }

  /** The delivery of a run with this id that comes as the `nth`, counted from 1. */
  async delivery(id: string, nth = 1): Promise<Delivery> {
    const found = () => this.deliveries.filter(({ run, begun }) => run.id === id && begun === 1)[nth - 1];
    await until(() => found() !== undefined, `delivery ${nth} of ${id}`);
    const delivery = found();
    assert(delivery);
    return delivery;
  }

  /** The ids of everything that was delivered, in order. */
  get order(): string[] {
    return this.deliveries.map(({ run }) => run.id);
  }

  async find(id: string): Promise<StoredRun> {
    const run = await this.backend.find(id);
    assert(run, `there is no run ${id}`);
    return run;
  }

  async run(id: string): Promise<Run> {
    return (await this.find(id)).snapshot();
  }

  async cancel(id: string): Promise<Run | undefined> {
    return (await this.backend.cancel(id, REQUEST))?.snapshot();
  }
}
