import type { Backend, MaybePromise, StoredRun, Worker, WorkOptions } from '../ports/backend.js';
import { hasCode, TaskError } from '../task/errors.js';
import type { RunKind } from '../task/run.js';
import { within } from '../timing/within.js';
import { eachInTurn } from './each-in-turn.js';
import type { CloseReport } from './manager-options.js';
import type { ManagerResources } from './manager-resources.js';
import type { OwedWork } from './owed-work.js';
import type { ResolvedOptions } from './resolve-options.js';
import type { RunFiles } from './run-files.js';

/** What a {@link ManagerLife} opens, lets work, and closes. */
export interface LifeParts {
  readonly options: ResolvedOptions;
  readonly backend: Backend;
  readonly resources: ManagerResources;
  readonly owed: OwedWork;
  readonly files: RunFiles;
  /** Opens the backend. */
  readonly openBackend: () => MaybePromise<void>;
  /** What the backend delivers runs to. */
  readonly work: WorkOptions;
  /** Takes up the schedules. */
  readonly openSchedules: () => MaybePromise<void>;
  /** Nothing is started by itself, and no start waits, any more. */
  readonly stopStarting: () => void;
  /** Lets work end within this time; called where the backend is open, and no run is delivered any more. */
  readonly shutDown: (graceMs: number) => Promise<CloseReport>;
  /** Ends what threads and processes there still are. */
  readonly closeExecutors: () => Promise<void>;
  /** Everything has ended; the backend is closed next. */
  readonly end: () => void;
}

/** How long after its grace a close may take: what is aborted tidies up, what was reported is recorded. */
const AFTER_GRACE_MS = 1_000;
/** What a manager leaves that never had anything. */
const NOTHING: CloseReport = Object.freeze({ completed: 0, interrupted: 0, waiting: 0, abandoned: 0 });

/** A manager from its opening to its close. */
export class ManagerLife {
  readonly #parts: LifeParts;
  readonly #whenClosed: (() => void)[] = [];
  #opened: { readonly by: MaybePromise<void> } | undefined;
  #worker: Worker | undefined;
  /** `draining`: closed for everybody but those who are owed something. */
  #phase: 'open' | 'draining' | 'closed' = 'open';
  #closing: Promise<CloseReport> | undefined;
  #endedMeanwhile = 0;

  constructor(parts: LifeParts) {
    this.#parts = parts;
  }

  get closing(): boolean {
    return this.#phase !== 'open';
  }

  /** Opens resources and backend, and begins to work, once. */
  open(): MaybePromise<void> {
    return (this.#opened ??= { by: this.#open() }).by;
  }

  /** Slots may be free, or runs begin, that could not before. */
  wake(): void {
    this.#worker?.wake();
  }

  /**
   * @param owed what is started was promised before `close` was called.
   * @throws {TaskError} MANAGER_CLOSED from the call of `close` on.
   */
  refuseIfClosing(owed: boolean): void {
    if (this.#phase === 'open' || (owed && this.#phase === 'draining')) return;
    throw new TaskError('MANAGER_CLOSED', 'The manager is closed and takes no new runs');
  }

  /** A run has ended. */
  noteEnd(run: StoredRun): void {
    if (this.#phase === 'draining' && run.status !== 'cancelled') this.#endedMeanwhile += 1;
  }

  /** Calls back when the manager has closed. */
  whenClosed(callback: () => void): void {
    this.#whenClosed.push(callback);
  }

  /** The first call decides the grace. */
  close(graceMs: number): Promise<CloseReport> {
    if (this.#closing !== undefined) return this.#closing;
    const { owed, resources, stopStarting } = this.#parts;
    // In this turn: what waits for the next one must not begin any more.
    if (owed.size > 0) this.#phase = 'draining';
    else {
      this.#stopWorking();
      resources.stopOpening();
    }
    this.#closing = this.#close(graceMs);
    stopStarting();
    return this.#closing;
  }

  #open(): MaybePromise<void> {
    const { resources, options } = this.#parts;
    // Handlers need them: where there are none, or will be none, nobody does.
    const opening = options.worksOn === null || this.#phase === 'closed' ? undefined : resources.open();
    const opened = opening === undefined ? this.#openBackend() : opening.then(() => this.#openBackend());
    if (!(opened instanceof Promise)) return undefined;
    return opened.catch((error: unknown) => {
      this.#opened = undefined; // whatever was in the way may be gone the next time
      throw error;
    });
  }

  #openBackend(): MaybePromise<void> {
    const opened = this.#parts.openBackend();
    return opened instanceof Promise ? opened.then(() => this.#work()) : this.#work();
  }

  #work(): MaybePromise<void> {
    // Closed while it was being opened: nothing begins any more.
    if (this.#phase === 'closed') return;
    const { backend, options, files, work, openSchedules } = this.#parts;
    files.begin();
    if (options.worksOn !== null) {
      const freeSlots: WorkOptions['freeSlots'] = (kind, task) =>
        this.#mayBegin(kind, task) ? work.freeSlots(kind, task) : 0;
      this.#worker = backend.work({ ...work, freeSlots });
    }
    return openSchedules();
  }

  /** While it drains, what is not owed to anybody keeps waiting; of one task, who could tell the ones from the others? */
  #mayBegin(kind: RunKind, task: string | null): boolean {
    return this.#phase === 'open' || (kind === 'run' && this.#parts.owed.owes(task));
  }

  #stopWorking(): void {
    this.#phase = 'closed';
    this.#worker?.stop();
  }

  async #close(graceMs: number): Promise<CloseReport> {
    const { options, backend, resources, files, closeExecutors, end } = this.#parts;
    const until = options.clock.monotonic() + graceMs;
    const opened = await this.#hasOpened(until);
    let report = NOTHING;
    if (opened) await this.#drain(until);
    this.#stopWorking();
    this.#parts.owed.giveUp();
    await eachInTurn([
      async () => (report = opened ? await this.#shutDown(until) : NOTHING),
      () => (end(), Promise.all([closeExecutors(), files.close()])),
      () => (opened ? backend.close() : undefined),
      () => resources.close(until + AFTER_GRACE_MS),
      ...this.#whenClosed,
    ]);
    return report;
  }

  async #drain(until: number): Promise<void> {
    const { options, owed } = this.#parts;
    if (this.#phase !== 'draining') return;
    const { clock } = options;
    await within(Math.max(0, until - clock.monotonic()), clock, (done) => owed.whenPaid(done));
  }

  async #shutDown(until: number): Promise<CloseReport> {
    const { options, shutDown } = this.#parts;
    const report = await shutDown(Math.max(0, until - options.clock.monotonic()));
    return { ...report, completed: report.completed + this.#endedMeanwhile };
  }

  /** A backend that cannot be opened holds nothing that could be closed. */
  async #hasOpened(until: number): Promise<boolean> {
    const { clock, logger } = this.#parts.options;
    // What is owed needs what is being opened, and waits for it no longer than for anything else.
    const patience = clock.after(Math.max(0, until - clock.monotonic()), () => this.#parts.resources.stopOpening());
    try {
      await this.open();
      return true;
    } catch (error) {
      if (!hasCode(error, 'MANAGER_CLOSED'))
        logger?.error({ err: error }, 'The backend of a manager that closes could not be opened');
      return false;
    } finally {
      patience.cancel();
    }
  }
}
