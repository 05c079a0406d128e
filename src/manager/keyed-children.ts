import type { Accepted, StoredRun } from '../ports/backend.js';
import type { ChildHandle } from '../task/child-handle.js';
import { TaskError } from '../task/errors.js';
import { unlessAborted } from '../timing/on-abort.js';
import { type ChildRequest, sameChild } from './child-request.js';
import type { ChildRun } from './child-run.js';
import { KeptChild, keptChildKey } from './kept-child.js';
import type { HandleSource } from './run-handle.js';
import type { Steps } from './steps.js';

/** The attempt whose children are found again by their keys. */
export interface KeyedParent {
  readonly run: StoredRun;
  readonly steps: Steps | undefined;
  readonly mayHaveEarlier: boolean;
  readonly signal: () => AbortSignal;
}

/** What {@link KeyedChildren} work with. */
export interface KeyedTools {
  readonly source: HandleSource;
  readonly accept: (request: ChildRequest) => Promise<Accepted>;
  /** Makes a run that is there a child of this attempt. */
  readonly adopt: (run: StoredRun) => ChildRun;
}

interface Asked {
  readonly as: unknown;
  readonly child: Promise<ChildHandle<unknown>>;
}

/** The children of an attempt that have a key: the same ones in every attempt of the run. */
export class KeyedChildren {
  readonly #parent: KeyedParent;
  readonly #tools: KeyedTools;
  readonly #asked = new Map<string, Asked>();
  /** Keys whose start has failed in this attempt: perhaps only its answer was lost. */
  readonly #failed = new Set<string>();

  constructor(parent: KeyedParent, tools: KeyedTools) {
    this.#parent = parent;
    this.#tools = tools;
  }

  /**
   * The child of this key: how it has completed, or that is at work still, or a new one.
   *
   * @throws {TaskError} KEY_REUSED when the key stands for another child; NON_RETRYABLE when there are too many keys.
   */
  async start(request: ChildRequest, key: string): Promise<ChildHandle<unknown>> {
    const as = sameChild(request);
    const asked = this.#asked.get(key);
    if (asked !== undefined) {
      if (asked.as !== as) throw keyReused(key, 'was started with another task or input in this attempt');
      return asked.child;
    }
    const child = this.#find(request, key);
    this.#asked.set(key, { as, child });
    try {
      return await child;
    } catch (error) {
      this.#asked.delete(key); // it may be tried again
      this.#failed.add(key);
      throw error;
    }
  }

  async #find(request: ChildRequest, key: string): Promise<ChildHandle<unknown>> {
    const { mayHaveEarlier, steps } = this.#parent;
    if (mayHaveEarlier || this.#failed.has(key)) {
      const earlier = (await this.#kept(key)) ?? (await this.#recorded(request));
      if (earlier !== undefined) {
        const task = 'run' in earlier ? earlier.run.task : earlier.task;
        if (task === request.start.name) return earlier;
        throw keyReused(key, `stands for a run of the task ${String(task)} since an earlier start`);
      }
    }
    await steps?.admit(keptChildKey(key));
    return this.#accept(request);
  }

  async #kept(key: string): Promise<KeptChild | undefined> {
    const text = await this.#parent.steps?.find(keptChildKey(key));
    return text === undefined ? undefined : new KeptChild(text);
  }

  /** A record that says how the child has completed, or that it has not ended. */
  async #recorded({ options: { id = '' } }: ChildRequest): Promise<ChildRun | undefined> {
    const run = await this.#tools.source.find(id);
    if (run === undefined || !mayComplete(run)) return undefined;
    return this.#isOurs(run) ? this.#tools.adopt(run) : undefined;
  }

  /** What failed or was cancelled, were it not over yet, is started anew; its id is free when its handler has settled. */
  async #accept(request: ChildRequest): Promise<ChildRun> {
    for (;;) {
      const { run, replayed } = await this.#tools.accept(request);
      if (!replayed || mayComplete(run)) return this.#tools.adopt(run);
      await this.#untilFree(run);
    }
  }

  #untilFree(run: StoredRun): Promise<unknown> {
    const { backend } = this.#tools.source;
    return unlessAborted(this.#parent.signal(), (done) => {
      backend.watch(run, 'free', done);
      return () => backend.unwatch(run, 'free', done);
    });
  }

  #isOurs({ parent }: StoredRun): boolean {
    return parent?.ordinal === this.#parent.run.ordinal;
  }
}

/** A run whose cancel is under way ends as cancelled, whatever its handler does. */
function mayComplete({ status }: StoredRun): boolean {
  return status !== 'failed' && status !== 'cancelled' && status !== 'cancelling';
}

function keyReused(key: string, why: string): TaskError {
  return new TaskError('KEY_REUSED', `The child key ${key} ${why}`, { details: { key } });
}
