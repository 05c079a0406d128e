import { inlineExecutor } from '../executors/inline/inline-executor.js';
import type { Backend, Holder, Lease, MaybePromise, StoredRun, Worker } from '../ports/backend.js';
import { TaskError } from '../task/errors.js';
import type { CancelRequest, Run } from '../task/run.js';
import type { StreamedEvent } from '../task/run-event.js';
import type { AnyTask } from '../task/task.js';
import { TimerQueue } from '../timing/timer-queue.js';
import { AdHocFunctions } from './ad-hoc-functions.js';
import { AtWork } from './at-work.js';
import { EventHub } from './event-hub.js';
import { callItem, type ItemCall, type ItemEnd } from './item-attempt.js';
import { logFailure } from './failure-log.js';
import type { CloseReport, StartOptions } from './manager-options.js';
import type { ResolvedOptions } from './resolve-options.js';
import { RunAttempt, type RunAttemptTools } from './run-attempt.js';
import { type HandleSource, RunHandle } from './run-handle.js';
import { callHooks } from './run-hooks.js';
import { RunStarter } from './run-starter.js';
import { Scheduling } from './scheduling.js';
import { shutDown } from './shutdown.js';
import { Slots } from './slots.js';
import { cancelRequest, type Start } from './start-request.js';
import { TaskRegistry } from './task-registry.js';
import { WorkHere, type ImportHandling } from './work-here.js';

/** What a manager leaves that never had anything. */
const NOTHING: CloseReport = Object.freeze({ completed: 0, interrupted: 0, waiting: 0, abandoned: 0 });

/** The parts of a manager, wired together: what its façade and the floor above it work with. */
export class ManagerCore implements HandleSource {
  readonly options: ResolvedOptions;
  readonly registry = new TaskRegistry();
  readonly functions = new AdHocFunctions();
  readonly backend: Backend;
  readonly scheduling: Scheduling;
  readonly #tools: RunAttemptTools;
  readonly #starter: RunStarter;
  readonly #hub: EventHub;
  readonly #workHere: WorkHere;
  #opened: { readonly by: MaybePromise<void> } | undefined;
  #worker: Worker | undefined;
  #closing: Promise<CloseReport> | undefined;
  readonly #closed: (() => void)[] = [];

  constructor(options: ResolvedOptions) {
    const { clock, concurrency, graceMs, logger, random } = options;
    this.options = options;
    this.backend = options.backend;
    for (const task of options.tasks) this.registry.register(task);
    this.#starter = new RunStarter(this);
    this.scheduling = new Scheduling(this, this.#starter);
    this.#hub = new EventHub({ clock, backend: this.backend, open: () => this.open() });
    this.#tools = {
      clock,
      random,
      logger,
      graceMs,
      backend: this.backend,
      executor: inlineExecutor,
      timers: new TimerQueue(clock),
      slots: new Slots(concurrency, clock, () => this.#worker?.wake()),
      atWork: new AtWork(),
      tally: { abandoned: 0, dropped: 0 },
    };
    const { registry, functions } = this;
    this.#workHere = new WorkHere({ registry, functions, slots: this.#tools.slots, worksOn: options.worksOn });
  }

  get closing(): boolean {
    return this.#closing !== undefined;
  }

  get atWork(): number {
    return this.#tools.slots.atWork;
  }

  get tally(): Readonly<{ abandoned: number; dropped: number }> {
    return this.#tools.tally;
  }

  /** Opens the backend and begins to work, once. */
  open(): MaybePromise<void> {
    return (this.#opened ??= { by: this.#open() }).by;
  }

  #open(): MaybePromise<void> {
    const { clock, logger, queueLimit, retention } = this.options;
    const observer = {
      settled: (run: StoredRun) => this.#settled(run),
      forgotten: (run: StoredRun) => this.#workHere.forget(run),
      cancelledLate: () => this.cancelledLate(),
    };
    const opened = this.backend.open({ clock, logger, queueLimit, retention, observer });
    if (!(opened instanceof Promise)) return this.#work();
    return opened.then(
      () => this.#work(),
      (error: unknown) => {
        this.#opened = undefined; // whatever was in the way may be gone the next time
        throw error;
      },
    );
  }

  #work(): MaybePromise<void> {
    // Closed while it was being opened: nothing begins any more.
    if (this.#closing !== undefined) return;
    if (this.options.worksOn !== null) {
      this.#worker = this.backend.work({
        freeSlots: (kind, task) => this.#workHere.freeSlots(kind, task),
        limitsOf: (task) => this.registry.find(task)?.limits,
        take: (run, lease) => this.#take(run, lease),
      });
    }
    return this.scheduling.open();
  }

  /** @throws {TaskError} MANAGER_CLOSED from the call of `close` on. */
  refuseIfClosing(): void {
    if (this.#closing !== undefined)
      throw new TaskError('MANAGER_CLOSED', 'The manager is closed and takes no new runs');
  }

  /** Opens the backend where nobody has, and asks it whether it is there. @throws {TaskError} BACKEND when it is not. */
  async check(): Promise<void> {
    await this.open();
    await this.backend.check?.();
  }

  /** Imports may begin that could not before. */
  wake(): void {
    this.#worker?.wake();
  }

  /** Makes a task known; runs of it that an earlier process has left may begin. */
  register(task: AnyTask): void {
    this.registry.register(task);
    this.#worker?.wake();
  }

  /** Checks, validates, accepts. Answers at once where schema and backend do. */
  start(start: Start, options: StartOptions | undefined): MaybePromise<RunHandle<unknown>> {
    return this.#starter.start(start, options);
  }

  redrive(id: string): Promise<RunHandle<unknown>> {
    return this.#starter.redrive(id);
  }

  handle(id: string): RunHandle<unknown> {
    return new RunHandle(this, id);
  }

  async find(id: string): Promise<StoredRun | undefined> {
    await this.open();
    return this.backend.find(id);
  }

  async cancel(id: string, reason: string | CancelRequest | undefined, ordinal?: number): Promise<Run | undefined> {
    const request = cancelRequest(reason);
    // Nothing is awaited before the request is passed on: a handler sees its signal in the turn of the cancel.
    const opened = this.open();
    if (opened instanceof Promise) await opened;
    return (await this.backend.cancel(id, request, ordinal))?.snapshot();
  }

  /** Somebody cancelled a run that had ended. */
  cancelledLate(): void {
    this.#tools.tally.dropped += 1;
  }

  events(
    id: string | undefined,
    run: StoredRun | undefined,
    signal: AbortSignal | undefined,
  ): AsyncIterable<StreamedEvent> {
    return this.#hub.events(id, run, signal);
  }

  /** The first call decides the grace. */
  close(graceMs: number): Promise<CloseReport> {
    if (this.#closing !== undefined) return this.#closing;
    // In this turn: what waits for the next one must not begin any more.
    this.#worker?.stop();
    this.scheduling.close();
    this.#closing = this.#close(graceMs);
    this.#starter.close();
    return this.#closing;
  }

  async #close(graceMs: number): Promise<CloseReport> {
    const { backend, atWork, timers, slots } = this.#tools;
    const opened = await this.#hasOpened();
    const { clock } = this.options;
    const report = opened ? await shutDown({ backend, clock, atWork, slots }, graceMs) : NOTHING;
    this.#hub.end();
    timers.clear();
    slots.close();
    if (opened) await backend.close();
    for (const callback of this.#closed) callback();
    return report;
  }

  /** A backend that cannot be opened holds nothing that could be closed. */
  async #hasOpened(): Promise<boolean> {
    try {
      await this.open();
      return true;
    } catch (error) {
      this.options.logger?.error({ err: error }, 'The backend of a manager that closes could not be opened');
      return false;
    }
  }

  /** Calls back when the manager has closed. */
  whenClosed(callback: () => void): void {
    this.#closed.push(callback);
  }

  /**
   * Says how the runs of imports are handled: once, by the room that reads them.
   *
   * @throws {Error} when that was said before: the runs of the ones would be handled by the others.
   */
  handleImports(imports: ImportHandling): void {
    this.#workHere.handleImports(imports);
    this.wake();
  }

  /** Tries one item of an import. */
  callItem(call: ItemCall): Promise<ItemEnd> {
    return callItem(call, this.#tools);
  }

  #take(run: StoredRun, lease: Lease): Holder {
    return new RunAttempt(lease, this.#workHere.definitionOf(run), this.#tools);
  }

  #settled(run: StoredRun): void {
    if (run.task === null) this.functions.ended(run.id);
    const { hooks, logger } = this.options;
    const task = this.#workHere.taskOf(run);
    if (run.status === 'failed' && logger !== undefined) logFailure(run, logger);
    if (task !== undefined) callHooks(run, task.hooks, logger);
    callHooks(run, hooks, logger);
  }
}
