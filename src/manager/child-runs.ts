import type { Accepted, MaybePromise, StoredRun } from '../ports/backend.js';
import type { Logger } from '../ports/logger.js';
import type { AnyTask } from '../task/any-task.js';
import type { ChildHandle } from '../task/child-handle.js';
import { hasCode, TaskError } from '../task/errors.js';
import type { CancelledRequest, Run } from '../task/run.js';
import { isFinal } from '../task/status.js';
import type { ResolvedTask } from '../task/task.js';
import { nextTurn } from '../timing/next-turn.js';
import type { TimerQueue } from '../timing/timer-queue.js';
import { type ChildCall, type ChildRequest, childRequest } from './child-request.js';
import { ChildRun } from './child-run.js';
import { asInterruption } from './interruption.js';
import { KeyedChildren } from './keyed-children.js';
import { keptChildKey, keptChildText } from './kept-child.js';
import type { StartOptions } from './manager-options.js';
import type { ParentsHere } from './parents-here.js';
import { type HandleSource, RunHandle } from './run-handle.js';
import type { Start } from './start-request.js';
import type { Steps } from './steps.js';

/** What the children of one manager's attempts are started and watched with. */
export interface ChildTools {
  readonly source: HandleSource;
  readonly timers: TimerQueue;
  readonly logger: Logger | undefined;
  readonly here: ParentsHere;
  readonly maxDepth: number;
  readonly isClosing: () => boolean;
  /** Settles when the backend is open. */
  readonly open: () => MaybePromise<void>;
  readonly register: (task: AnyTask) => ResolvedTask;
  readonly accept: (start: Start, options: StartOptions, parent: StoredRun) => Promise<Accepted>;
}

/** What {@link ChildRuns} know of the attempt that they belong to. */
export interface ChildrenOf {
  readonly run: StoredRun;
  readonly task: ResolvedTask;
  /** Which item of an import the attempt is at; null for the run itself. */
  readonly itemIndex: number | null;
  /** Waits without the slot of the attempt. */
  readonly lentFor: <T>(wait: Promise<T>) => Promise<T>;
  /** Where outcomes of keyed children are kept; undefined for an item. */
  readonly steps: Steps | undefined;
  /** Whether an earlier attempt may have started some. */
  readonly mayHaveEarlier: boolean;
  readonly signal: () => AbortSignal;
  /** One has failed, nobody deals with it, and the others are not to go on. */
  readonly failFast: (error: TaskError) => void;
}

/** A cancel that the backend could not take is asked for again after so long. */
const RETRY_CANCEL_MS = 1_000;

/** The children of one attempt: it does not end before they have. */
export class ChildRuns {
  readonly #of: ChildrenOf;
  readonly #tools: ChildTools;
  readonly #open = new Map<string, ChildRun>();
  readonly #keyed: KeyedChildren;
  /** Starts that are not answered yet. */
  #starting = 0;
  #cancelled: CancelledRequest | undefined;
  #left: { readonly reason: unknown; readonly open: boolean } | undefined;
  #failure: TaskError | undefined;
  readonly #whenClosed: (() => void)[] = [];
  #disposed = false;

  constructor(of: ChildrenOf, tools: ChildTools) {
    this.#of = of;
    this.#tools = tools;
    this.#keyed = new KeyedChildren(of, {
      source: tools.source,
      accept: ({ start, options }) => tools.accept(start, options, of.run),
      adopt: (run) => this.#claim(run),
    });
    tools.here.add(of.run);
  }

  /** Why the attempt has failed because of a child; undefined where it has not. */
  get failure(): TaskError | undefined {
    return this.#failure;
  }

  /** Whether children were left that had not ended. */
  get leftOpen(): boolean {
    return this.#left?.open === true;
  }

  /** See `TaskContext.start`. */
  async start(call: ChildCall): Promise<ChildHandle<unknown>> {
    const { run, itemIndex } = this.#of;
    const task = this.#tools.register(call.task);
    const request = childRequest(call, task, { run, itemIndex, maxDepth: this.#tools.maxDepth });
    this.#starting += 1;
    try {
      return await (request.key === null ? this.#accept(request) : this.#keyed.start(request, request.key));
    } catch (error) {
      throw hasCode(error, 'MANAGER_CLOSED') ? asInterruption(error) : error;
    } finally {
      this.#starting -= 1;
      this.#look();
    }
  }

  /**
   * Takes over what an earlier attempt has left: children with a key stay until they are asked for, the others are
   * cancelled.
   *
   * @returns resolves when these have ended.
   */
  async takeOver(runs: readonly StoredRun[]): Promise<void> {
    const request = { by: 'parent', reason: 'its parent is tried again' };
    const children = runs.map((run) => this.#adopt(run));
    for (const child of children) child.isDealtWith = true;
    const unkeyed = children.filter(({ run }) => run.parent?.key === null);
    // Where the parent was cancelled meanwhile, all of them are.
    if (this.#cancelled === undefined) for (const child of unkeyed) this.#cancel(child, request);
    await Promise.all(unkeyed.map(({ over }) => over));
  }

  /** Cancels every child that has not ended, and those that are being started. */
  cancelAll(request: CancelledRequest): void {
    if (this.#cancelled !== undefined) return;
    this.#cancelled = request;
    for (const child of [...this.#open.values()]) if (!child.isOver) this.#cancel(child, request);
  }

  /** Leaves the children to whoever makes the next attempt. Waits for them reject with the reason. */
  leave(reason: unknown): void {
    if (this.#left !== undefined) return;
    this.#left = { reason, open: !this.#isClosed };
    for (const child of [...this.#open.values()]) this.#leaveOne(child, reason);
    this.dispose();
    this.#look();
  }

  /** Resolves when every child has ended, or was left. */
  closed(): Promise<void> {
    return this.#isClosed ? Promise.resolve() : new Promise((resolve) => this.#whenClosed.push(resolve));
  }

  /** The attempt has ended: this process holds the parent no more. */
  dispose(): void {
    if (!this.#disposed) this.#tools.here.delete(this.#of.run);
    this.#disposed = true;
  }

  get #isClosed(): boolean {
    return this.#left !== undefined || (this.#open.size === 0 && this.#starting === 0);
  }

  #look(): void {
    if (this.#isClosed) for (const callback of this.#whenClosed.splice(0)) callback();
  }

  async #accept({ start, options }: ChildRequest): Promise<ChildRun> {
    const { run } = await this.#tools.accept(start, options, this.#of.run);
    return this.#adopt(run);
  }

  /** A child that is asked for by its key is like one that was just started. */
  #claim(run: StoredRun): ChildRun {
    const child = this.#open.get(run.id) ?? this.#adopt(run);
    child.isDealtWith = false;
    return child;
  }

  #adopt(run: StoredRun): ChildRun {
    const { source } = this.#tools;
    const child = new ChildRun({
      run,
      handle: new RunHandle(source, run.id, { run, replayed: false }),
      lentFor: this.#of.lentFor,
      isInterrupted: (ended) => this.#tools.isClosing() && wasInterrupted(ended),
    });
    this.#open.set(run.id, child);
    if (this.#left !== undefined) this.#leaveOne(child, this.#left.reason);
    else {
      child.watch(source.backend, (ended) => this.#ended(child, ended));
      if (this.#cancelled !== undefined) this.#cancel(child, this.#cancelled);
    }
    return child;
  }

  #leaveOne(child: ChildRun, reason: unknown): void {
    this.#open.delete(child.id);
    child.left(reason);
  }

  /** Asks again where the backend could not be asked: nothing else would end the parent. */
  #cancel(child: ChildRun, request: CancelledRequest): void {
    const again = (err: unknown): void => {
      const { logger, timers } = this.#tools;
      logger?.warn({ runId: child.id, err }, 'A child run could not be cancelled; it is tried again');
      timers.after(RETRY_CANCEL_MS, () => {
        if (this.#open.get(child.id) === child) this.#cancel(child, request);
      });
    };
    child.isDealtWith = true;
    try {
      const asked = this.#tools.source.backend.cancel(child.id, request, child.run.ordinal);
      if (asked instanceof Promise) asked.catch(again);
    } catch (error) {
      again(error);
    }
  }

  #ended(child: ChildRun, run: Run): void {
    if (!isFinal(run.status)) {
      this.leave(asInterruption(new TaskError('MANAGER_CLOSED', 'The manager was closed; the run goes on later')));
      return;
    }
    void this.#keep(child, run).then(() => {
      child.ended(run);
      if (run.status === 'completed' || child.isDealtWith) this.#close(child);
      // Whoever has just awaited its start may still ask for its end in this turn.
      else nextTurn(() => void this.#decide(child, run).then(() => this.#close(child)));
    });
  }

  /** Keeps how a keyed child has completed, so that a later attempt knows although its record may have gone. */
  async #keep(child: ChildRun, run: Run): Promise<void> {
    const key = child.run.parent?.key ?? null;
    if (key === null || run.status !== 'completed') return;
    const text = keptChildText(run);
    if (text === undefined) return;
    try {
      await this.#of.steps?.keep(keptChildKey(key), text);
    } catch (err) {
      this.#tools.logger?.warn(
        { runId: child.id, err },
        'The outcome of a child run could not be kept with its parent',
      );
    }
  }

  async #decide(child: ChildRun, run: Run): Promise<void> {
    if (child.isDealtWith || this.#cancelled !== undefined || this.#left !== undefined) return;
    const failure = await child.failure(run);
    this.#failure ??= failure;
    if (this.#of.task.children === 'fail-fast') this.#of.failFast(failure);
  }

  #close(child: ChildRun): void {
    if (this.#open.get(child.id) === child) this.#open.delete(child.id);
    this.#look();
  }
}

function wasInterrupted({ status, error }: Run): boolean {
  return status === 'cancelled' || error?.code === 'RUN_INTERRUPTED';
}
