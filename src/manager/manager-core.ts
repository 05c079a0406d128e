import type { Backend, Holder, Lease, MaybePromise, StoredRun } from '../ports/backend.js';
import type { CancelRequest, Run } from '../task/run.js';
import type { StreamedEvent } from '../task/run-event.js';
import type { AnyTask } from '../task/task.js';
import { TimerQueue } from '../timing/timer-queue.js';
import { AdHocFunctions } from './ad-hoc-functions.js';
import { AtWork } from './at-work.js';
import { EventHub } from './event-hub.js';
import { Executors } from './executors.js';
import { callItem, type ItemCall, type ItemEnd } from './item-attempt.js';
import { enteredBy, type HandlerEntry } from './handler-entry.js';
import { logFailure } from './failure-log.js';
import { FireAndForget } from './fire-and-forget.js';
import { type LifeParts, ManagerLife } from './manager-life.js';
import type { CloseReport, StartOptions } from './manager-options.js';
import { ManagerResources } from './manager-resources.js';
import { OwedWork } from './owed-work.js';
import { ParentsHere } from './parents-here.js';
import { cancelChildrenOf } from './pick-up.js';
import type { ResolvedOptions } from './resolve-options.js';
import { RunAttempt, type RunAttemptTools } from './run-attempt.js';
import { RunFiles } from './run-files.js';
import { type HandleSource, RunHandle } from './run-handle.js';
import { callHooks } from './run-hooks.js';
import { RunStarter } from './run-starter.js';
import { Scheduling } from './scheduling.js';
import { shutDown } from './shutdown.js';
import { Slots } from './slots.js';
import { cancelRequest, type Start } from './start-request.js';
import { TaskRegistry } from './task-registry.js';
import { WorkHere, type ImportHandling } from './work-here.js';

/** The parts of a manager, wired together: what its façade and the floor above it work with. */
export class ManagerCore implements HandleSource {
  readonly options: ResolvedOptions;
  readonly registry = new TaskRegistry();
  readonly functions = new AdHocFunctions();
  readonly backend: Backend;
  readonly scheduling: Scheduling;
  readonly owed = new OwedWork();
  readonly fireAndForget: FireAndForget;
  /** The files that are results. */
  readonly files: RunFiles;
  readonly #tools: RunAttemptTools;
  readonly starter: RunStarter;
  readonly #hub: EventHub;
  readonly #workHere: WorkHere;
  #entry: HandlerEntry | undefined;
  readonly #life: ManagerLife;
  readonly #executors: Executors;

  constructor(options: ResolvedOptions) {
    const { clock, concurrency, graceMs, logger, maxDepth, random } = options;
    const resources = new ManagerResources(options.resources, options);
    const timers = new TimerQueue(clock);
    const executors = new Executors(options);
    this.#executors = executors;
    this.options = options;
    this.backend = options.backend;
    this.files = new RunFiles(this);
    for (const task of options.tasks) this.registry.register(task);
    this.starter = new RunStarter(this);
    this.scheduling = new Scheduling(this, this.starter);
    this.fireAndForget = new FireAndForget(this);
    this.#hub = new EventHub({ clock, backend: this.backend, open: () => this.open() });
    this.#tools = {
      clock,
      random,
      logger,
      graceMs,
      resources,
      backend: this.backend,
      executorOf: (task) => executors.of(task),
      timers,
      slots: new Slots({ concurrency, placesOf: (task) => executors.placesOf(task) }, clock, () => this.#life.wake()),
      files: this.files,
      atWork: new AtWork(),
      tally: { abandoned: 0, dropped: 0 },
      children: {
        ...{ source: this, timers, logger, maxDepth, here: new ParentsHere() },
        ...{ isClosing: () => this.closing, open: () => this.open() },
        register: (task) => this.registry.register(task),
        accept: (start, said, parent) => this.starter.startChild(start, said, parent),
      },
    };
    const { registry, functions } = this;
    this.#workHere = new WorkHere({ registry, functions, slots: this.#tools.slots, worksOn: options.worksOn });
    this.#life = new ManagerLife(this.#lifeParts(resources));
  }

  get closing(): boolean {
    return this.#life.closing;
  }

  get atWork(): number {
    return this.#tools.slots.atWork;
  }

  get tally(): Readonly<{ abandoned: number; dropped: number }> {
    return this.#tools.tally;
  }

  #lifeParts(resources: ManagerResources): LifeParts {
    const { backend, options, owed, files, scheduling } = this;
    const { clock } = options;
    const { atWork, slots, timers } = this.#tools;
    return {
      ...{ options, backend, resources, owed, files },
      openBackend: () => this.#openBackend(),
      work: {
        freeSlots: (kind, task) => this.#workHere.freeSlots(kind, task),
        limitsOf: (task) => this.registry.find(task)?.limits,
        take: (run, lease) => this.#take(run, lease),
      },
      openSchedules: () => scheduling.open(),
      stopStarting: () => {
        scheduling.close();
        this.starter.close();
      },
      shutDown: (graceMs) => shutDown({ backend, clock, atWork, slots }, graceMs),
      closeExecutors: () => this.#executors.close(),
      end: () => {
        this.#hub.end();
        timers.clear();
        slots.close();
      },
    };
  }

  /** Opens resources and backend, and begins to work, once. */
  open(): MaybePromise<void> {
    return this.#life.open();
  }

  #openBackend(): MaybePromise<void> {
    const { clock, logger, queueLimit, retention } = this.options;
    const observer = {
      settled: (run: StoredRun) => this.#settled(run),
      forgotten: (run: StoredRun) => this.#forgotten(run),
      cancelledLate: () => this.cancelledLate(),
    };
    return this.backend.open({ clock, logger, queueLimit, retention, observer });
  }

  /**
   * @param owed what is started was promised before `close` was called.
   * @throws {TaskError} MANAGER_CLOSED from the call of `close` on.
   */
  refuseIfClosing(owed = false): void {
    this.#life.refuseIfClosing(owed);
  }

  /** Opens the backend where nobody has, and asks it whether it is there. @throws {TaskError} BACKEND when it is not. */
  async check(): Promise<void> {
    await this.open();
    await this.backend.check?.();
  }

  /** Imports may begin that could not before. */
  wake(): void {
    this.#life.wake();
  }

  /** Makes a task known; runs of it that an earlier process has left may begin. */
  register(task: AnyTask): void {
    this.registry.register(task);
    this.#life.wake();
  }

  /** Checks, validates, accepts. Answers at once where schema and backend do. */
  start(start: Start, options: StartOptions | undefined): MaybePromise<RunHandle<unknown>> {
    return this.starter.start(start, options);
  }

  redrive(id: string): Promise<RunHandle<unknown>> {
    return this.starter.redrive(id);
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
    return this.#life.close(graceMs);
  }

  /** Calls back when the manager has closed. */
  whenClosed(callback: () => void): void {
    this.#life.whenClosed(callback);
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

  /** Says what stands around every handler from now on: their asynchronous context is that of whoever woke them otherwise. */
  enterHandlersBy(entry: HandlerEntry): void {
    this.#entry = entry;
  }

  /** Tries one item of an import. */
  callItem(call: ItemCall): Promise<ItemEnd> {
    return callItem(call, this.#tools);
  }

  #take(run: StoredRun, lease: Lease): Holder {
    const attempt = new RunAttempt(lease, this.#workHere.definitionOf(run), this.#tools);
    return this.#entry === undefined ? attempt : enteredBy(this.#entry, attempt);
  }

  #forgotten(run: StoredRun): void {
    this.#workHere.forget(run);
    this.files.forget(run);
  }

  #settled(run: StoredRun): void {
    if (run.task === null) this.functions.ended(run.id);
    this.#life.noteEnd(run);
    // An attempt has ended its children before it has completed.
    if (run.attempt > 0 && run.status !== 'completed') void cancelChildrenOf(run, this.#tools.children);
    const { hooks, logger } = this.options;
    const task = this.#workHere.taskOf(run);
    if (run.status === 'failed' && logger !== undefined) logFailure(run, logger);
    if (task !== undefined) callHooks(run, task.hooks, logger);
    callHooks(run, hooks, logger);
  }
}
