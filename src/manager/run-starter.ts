import type { Accepted, MaybePromise, StoredRun } from '../ports/backend.js';
import type { DueStart } from '../schedule/scheduler-parts.js';
import { hasCode, TaskError } from '../task/errors.js';
import { isFinal } from '../task/status.js';
import { decodeValue } from '../task/stored-value.js';
import { type AdHocFunction, type AdHocFunctions, adHocTask } from './ad-hoc-functions.js';
import type { AdHocOptions, StartOptions } from './manager-options.js';
import type { OwedWork } from './owed-work.js';
import { checkInput, parseInput } from './parse-input.js';
import type { ResolvedOptions } from './resolve-options.js';
import { type HandleSource, RunHandle } from './run-handle.js';
import { RunIds } from './run-id.js';
import { checkAdHocOptions, type Start, startRequest, type StartRequest } from './start-request.js';
import type { TaskRegistry } from './task-registry.js';
import { Turns } from '../timing/turns.js';
import { waitUntilFree } from './wait-until-free.js';

/** What a {@link RunStarter} asks its manager for. */
export interface StartSource extends HandleSource {
  readonly options: ResolvedOptions;
  readonly registry: TaskRegistry;
  readonly functions: AdHocFunctions;
  readonly owed: OwedWork;
  open(): MaybePromise<void>;
  refuseIfClosing(owed?: boolean): void;
}

/** The way of a start: options, input, acceptance. */
export class RunStarter {
  readonly #source: StartSource;
  readonly #ids: RunIds;
  readonly #turns = new Turns();
  readonly #closing = new AbortController();

  constructor(source: StartSource) {
    this.#source = source;
    this.#ids = new RunIds(source.options.clock);
  }

  /** Ends every wait for an id that is to become free: the manager takes no new runs any more. */
  close(): void {
    this.#closing.abort();
  }

  /** Checks, validates, accepts. Answers at once where schema and backend do. */
  start(start: Start, options: StartOptions | undefined): MaybePromise<RunHandle<unknown>> {
    this.#source.refuseIfClosing(start.owed);
    if (start.name === null) this.#refuseWithoutWork();
    const request = startRequest(start, options, this.#ids);
    const opened = this.#source.open();
    if (opened instanceof Promise) return opened.then(() => this.#validate(start, request));
    return this.#validate(start, request);
  }

  /** Nobody would ever call a function that is accepted here: other processes do not have it. */
  #refuseWithoutWork(): void {
    if (this.#source.options.worksOn !== null) return;
    throw new TaskError(
      'BACKEND',
      'This manager handles no runs (work: false), and a function runs only in the process that starts it: make a task of it, which another process can handle, or start it where work is true',
    );
  }

  /** Starts a function under an id. */
  startFunction(id: string, fn: AdHocFunction, options: AdHocOptions = {}): MaybePromise<RunHandle<unknown>> {
    checkAdHocOptions(options);
    return this.start({ task: adHocTask(fn, options), name: null, input: undefined }, { ...options, id });
  }

  /** @throws {TypeError|RangeError} when an option is unknown, of the wrong type or out of range. */
  check(start: Start, options: StartOptions | undefined): void {
    startRequest(start, options, this.#ids);
  }

  #validate(start: Start, request: StartRequest): MaybePromise<RunHandle<unknown>> {
    const parsed = parseInput(start.task.input, start.input);
    if (parsed instanceof Promise) return parsed.then(() => this.#acceptOrReplace(start, request));
    if (!parsed.ok) throw parsed.error;
    return this.#acceptOrReplace(start, request);
  }

  #acceptOrReplace(start: Start, request: StartRequest): MaybePromise<RunHandle<unknown>> {
    return request.ifActive === 'replace' ? this.#replaceInTurn(start, request.run) : this.#accept(start, request);
  }

  #accept(start: Start, request: StartRequest): MaybePromise<RunHandle<unknown>> {
    this.#source.refuseIfClosing(start.owed);
    const { backend, functions } = this.#source;
    const { run, ifActive } = request;
    const accepted =
      start.name === null
        ? functions.start(run.id, start.task, () => backend.accept(run, ifActive))
        : backend.accept(run, ifActive);
    return accepted instanceof Promise ? accepted.then((each) => this.#handle(each)) : this.#handle(accepted);
  }

  #handle(accepted: Accepted): RunHandle<unknown> {
    return new RunHandle(this.#source, accepted.run.id, accepted);
  }

  /** Of several that race for one id, the last one asked for is the one that stays. */
  #replaceInTurn(start: Start, run: StartRequest['run']): Promise<RunHandle<unknown>> {
    const { clock, graceMs } = this.#source.options;
    const deadline = clock.monotonic() + graceMs;
    return this.#turns.take(run.id, () => this.#replace(start, run, deadline));
  }

  /** Cancels whatever holds the id until it is free, or the deadline has passed. */
  async #replace(start: Start, run: StartRequest['run'], deadline: number): Promise<RunHandle<unknown>> {
    const { clock } = this.#source.options;
    for (;;) {
      try {
        return await this.#accept(start, { run, ifActive: 'replace' });
      } catch (error) {
        const leftMs = deadline - clock.monotonic();
        if (!hasCode(error, 'RUN_CONFLICT') || leftMs <= 0) throw error;
        await this.#cancelUntilFree(run.id, leftMs);
      }
    }
  }

  async #cancelUntilFree(id: string, timeoutMs: number): Promise<void> {
    const { backend, options } = this.#source;
    const active = await backend.find(id);
    if (active === undefined) return;
    // Where only its handler is still at work, there is nothing left to cancel.
    if (!isFinal(active.status)) await backend.cancel(id, { by: 'caller', reason: 'replaced' }, active.ordinal);
    await waitUntilFree(backend, active, { clock: options.clock, timeoutMs, signal: this.#closing.signal });
  }

  /**
   * Checks, validates, accepts the child of a run; one with an id is the active run of that id, where there is one. What a
   * closing manager owes to somebody is owed with its children: it does not end before they have.
   */
  async startChild(start: Start, options: StartOptions, parent: StoredRun): Promise<Accepted> {
    const { backend, owed } = this.#source;
    const isOwed = owed.owes(parent.task);
    this.#source.refuseIfClosing(isOwed);
    const { run } = startRequest(start, options, this.#ids);
    await checkInput(start.task, start.input);
    this.#source.refuseIfClosing(isOwed);
    const release = isOwed ? owed.owe(start.name, () => undefined) : undefined;
    try {
      const accepted = await backend.accept(run, 'return');
      if (release !== undefined) backend.watch(accepted.run, 'final', release);
      return accepted;
    } catch (error) {
      release?.();
      throw error;
    }
  }

  /** An id that no run has. */
  newId(): string {
    return this.#ids.next();
  }

  /** Starts a run of a schedule, which moves on with it; undefined where that has changed meanwhile. */
  async startDue({ id, delayMs, schedule, expectedVersion }: DueStart): Promise<Accepted | undefined> {
    const { task: name, input: text, priority, tags, owner, expiresInMs } = schedule.settings;
    const start = { task: this.#source.registry.get(name), name, input: decodeValue(text) };
    const said = {
      ...{ id, delayMs, tags },
      ...(priority !== null && { priority }),
      ...(owner !== null && { owner }),
      ...(expiresInMs !== null && { expiresInMs }),
    };
    const { run } = startRequest(start, said, this.#ids);
    await checkInput(start.task, start.input);
    this.#source.refuseIfClosing();
    return this.#source.backend.acceptDue(run, schedule, expectedVersion);
  }

  /** Starts a failed run again, as a new one. */
  async redrive(id: string): Promise<RunHandle<unknown>> {
    this.#source.refuseIfClosing();
    const failed = await this.#source.find(id);
    if (failed === undefined) throw new TaskError('RUN_NOT_FOUND', `There is no run ${id}`, { details: { runId: id } });
    if (failed.task === null || failed.kind !== 'run') {
      throw new TaskError(
        'RUN_CONFLICT',
        `Run ${id} has no stored input to run again: only runs of a task can be redriven`,
      );
    }
    const start = {
      task: this.#source.registry.get(failed.task),
      name: failed.task,
      input: failed.input,
      redriveOf: id,
    };
    const { priority, tags, owner } = failed;
    const { run } = startRequest(start, { priority, tags, ...(owner !== null && { owner }) }, this.#ids);
    return this.#handle(await this.#source.backend.redrive(failed, run));
  }
}
