import { inlineExecutor } from '../executors/inline/inline-executor.js';
import type { Backend, Holder, Lease, MaybePromise, StoredRun, Worker } from '../ports/backend.js';
import { TaskError } from '../task/errors.js';
import type { CancelRequest, Run, RunKind } from '../task/run.js';
import type { StreamedEvent } from '../task/run-event.js';
import type { AnyTask, ResolvedTask } from '../task/task.js';
import { TimerQueue } from '../timing/timer-queue.js';
import { AdHocFunctions } from './ad-hoc-functions.js';
import { AtWork } from './at-work.js';
import { EventHub } from './event-hub.js';
import { callItem, type ItemCall, type ItemEnd } from './item-attempt.js';
import type { CloseReport, StartOptions } from './manager-options.js';
import type { ResolvedOptions } from './resolve-options.js';
import { RunAttempt, type RunAttemptTools } from './run-attempt.js';
import { type HandleSource, RunHandle } from './run-handle.js';
import { callHooks } from './run-hooks.js';
import { RunStarter } from './run-starter.js';
import { shutDown } from './shutdown.js';
import { Slots } from './slots.js';
import { cancelRequest, type Start } from './start-request.js';
import { TaskRegistry } from './task-registry.js';
import { unknownTask } from './unknown-task.js';

/** What a manager leaves that never had anything. */
const NOTHING: CloseReport = Object.freeze({ completed: 0, interrupted: 0, waiting: 0, abandoned: 0 });

/** Told when the record of an ended run is removed. */
export type ForgottenListener = (run: StoredRun) => void;

/** The parts of a manager, wired together: what its façade and the floor above it work with. */
export class ManagerCore implements HandleSource {
  readonly options: ResolvedOptions;
  readonly registry = new TaskRegistry();
  readonly functions = new AdHocFunctions();
  readonly backend: Backend;
  readonly #tools: RunAttemptTools;
  readonly #starter: RunStarter;
  readonly #hub: EventHub;
  readonly #forgotten = new Set<ForgottenListener>();
  #opened: { readonly by: MaybePromise<void> } | undefined;
  #worker: Worker | undefined;
  #closing: Promise<CloseReport> | undefined;
  readonly #closed: (() => void)[] = [];
  #importTask: ResolvedTask | undefined;

  constructor(options: ResolvedOptions) {
    const { clock, concurrency, graceMs, logger, random } = options;
    this.options = options;
    this.backend = options.backend;
    for (const task of options.tasks) this.registry.register(task);
    this.#starter = new RunStarter(this);
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
      forgotten: (run: StoredRun) => this.#forget(run),
      cancelledLate: () => this.cancelledLate(),
    };
    const opened = this.backend.open({ clock, logger, queueLimit, retention, observer });
    if (!(opened instanceof Promise)) {
      this.#work();
      return;
    }
    return opened.then(
      () => this.#work(),
      (error: unknown) => {
        this.#opened = undefined; // whatever was in the way may be gone the next time
        throw error;
      },
    );
  }

  #work(): void {
    // Closed while it was being opened: nothing begins any more.
    if (this.#closing !== undefined) return;
    this.#worker = this.backend.work({
      freeSlots: (kind, task) => this.#freeSlots(kind, task),
      take: (run, lease) => this.#take(run, lease),
    });
  }

  /** @throws {TaskError} MANAGER_CLOSED from the call of `close` on. */
  refuseIfClosing(): void {
    if (this.#closing !== undefined)
      throw new TaskError('MANAGER_CLOSED', 'The manager is closed and takes no new runs');
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
  handleImports(task: ResolvedTask, onForgotten: ForgottenListener): void {
    if (this.#importTask !== undefined)
      throw new Error('This manager has imports already: call importRuns() once, before its routes are mounted');
    this.#importTask = task;
    this.#forgotten.add(onForgotten);
    this.#worker?.wake();
  }

  /** Tries one item of an import. */
  callItem(call: ItemCall): Promise<ItemEnd> {
    return callItem(call, this.#tools);
  }

  #freeSlots(kind: RunKind, name: string | null): number {
    if (kind === 'import') return this.#importTask === undefined ? 0 : this.#tools.slots.freeForImports;
    if (name === null) return this.#tools.slots.free(null);
    const task = this.registry.find(name);
    return task === undefined ? 0 : this.#tools.slots.free(task);
  }

  #take(run: StoredRun, lease: Lease): Holder {
    return new RunAttempt(lease, this.#definition(run), this.#tools);
  }

  #definition(run: StoredRun): ResolvedTask {
    const { kind, task, id } = run;
    const known =
      kind === 'import' ? this.#importTask : task === null ? this.functions.find(id) : this.registry.find(task);
    return known ?? unknownTask(run);
  }

  #settled(run: StoredRun): void {
    if (run.task === null) this.functions.ended(run.id);
    const { hooks, logger } = this.options;
    const task =
      run.kind === 'import' ? this.#importTask : run.task === null ? undefined : this.registry.find(run.task);
    if (run.status === 'failed') logger?.warn({ runId: run.id, task: run.task, err: run.cause }, 'A run failed');
    if (task !== undefined) callHooks(run, task.hooks, logger);
    callHooks(run, hooks, logger);
  }

  #forget(run: StoredRun): void {
    for (const listener of this.#forgotten) listener(run);
  }
}
