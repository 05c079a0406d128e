import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { TaskError } from '../task/errors.js';
import type { ResourceDefinition, Resources } from '../task/resources.js';
import { unlessAborted } from '../timing/on-abort.js';
import { within } from '../timing/within.js';
import type { NamedResource } from './resolve-resources.js';

/** What {@link ManagerResources} works with. */
export interface ResourceTools {
  readonly clock: Clock;
  readonly logger: Logger | undefined;
}

/** A resource that is open, or about to be. */
interface Opened {
  readonly name: string;
  readonly definition: ResourceDefinition<unknown>;
  readonly value: Promise<unknown>;
}

/** How long those before one that failed to open may take to close, all together, in milliseconds. */
const CLEAN_UP_MS = 1_000;
/** How long a close is waited for at least, however little time is left, in milliseconds. */
const LEAST_CLOSE_MS = 50;
const NONE: Resources = Object.freeze({});

/** What the handlers of one manager share: opened in order, all or none, and closed in reverse order. */
export class ManagerResources {
  readonly #definitions: readonly NamedResource[];
  readonly #tools: ResourceTools;
  readonly #closing = new AbortController();
  #opening: Promise<void> | undefined;
  #opened: Opened[] = [];
  #values: Resources = NONE;

  constructor(definitions: readonly NamedResource[], tools: ResourceTools) {
    this.#definitions = definitions;
    this.#tools = tools;
  }

  /** What handlers are given; empty until everything is open. */
  get values(): Resources {
    return this.#values;
  }

  /**
   * Opens everything that is not open yet.
   *
   * @returns undefined where there is nothing to open. Rejects with a `TaskError`: `RESOURCE_FAILED` where one cannot be
   * opened, and then none is open; `MANAGER_CLOSED`.
   */
  open(): Promise<void> | undefined {
    if (this.#definitions.length === 0) return undefined;
    return (this.#opening ??= this.#openAll().catch((error: unknown) => {
      this.#opening = undefined; // whatever was in the way may be gone the next time
      throw error;
    }));
  }

  /** Nobody waits for an `open` any more. */
  stopOpening(): void {
    if (this.#definitions.length === 0) return;
    this.#closing.abort(new TaskError('MANAGER_CLOSED', 'The manager was closed before its resources were open'));
  }

  /**
   * Closes everything, the last one first, and leaves behind what takes too long. Never rejects.
   *
   * @param until when it is to be over, by the monotonic clock.
   */
  async close(until: number): Promise<void> {
    this.stopOpening();
    await this.#closeUntil(until);
  }

  async #openAll(): Promise<void> {
    const { signal } = this.#closing;
    const values = new Map<string, unknown>();
    for (const [name, definition] of this.#definitions) {
      signal.throwIfAborted();
      values.set(name, await this.#open(name, definition, values));
    }
    this.#values = Object.freeze(Object.fromEntries(values));
  }

  async #open(name: string, definition: ResourceDefinition<unknown>, before: Map<string, unknown>): Promise<unknown> {
    const { signal } = this.#closing;
    // An `open` that throws at once is like one that rejects.
    const value = new Promise((resolve) => resolve(definition.open(this.#given(before), { signal })));
    const opened = { name, definition, value };
    this.#opened.push(opened);
    try {
      return await unlessAborted(signal, (done, failed) => {
        value.then(done, failed);
        return () => undefined;
      });
    } catch (cause) {
      // Who closes the manager closes what was opened, this one too should it still open.
      if (signal.aborted) throw signal.reason;
      this.#opened.pop();
      await this.#closeUntil(this.#tools.clock.monotonic() + CLEAN_UP_MS);
      throw new TaskError('RESOURCE_FAILED', `The resource ${name} could not be opened`, { cause });
    }
  }

  /** Those before; a later one that is asked for is named, rather than being undefined somewhere. */
  #given(before: ReadonlyMap<string, unknown>): Resources {
    const given = Object.fromEntries(before);
    for (const [name] of this.#definitions) {
      if (before.has(name)) continue;
      const get = (): never => {
        throw new Error(`The resource ${name} is not open yet: name it before those that need it`);
      };
      Object.defineProperty(given, name, { get });
    }
    return Object.freeze(given);
  }

  /** What time there is, is shared by those that are left: one that hangs does not take all of it. */
  async #closeUntil(until: number): Promise<void> {
    const opened = this.#opened.splice(0);
    for (let next = opened.pop(); next !== undefined; next = opened.pop()) {
      const leftMs = (until - this.#tools.clock.monotonic()) / (opened.length + 1);
      await this.#closeWithin(Math.max(LEAST_CLOSE_MS, leftMs), next);
    }
  }

  async #closeWithin(timeoutMs: number, opened: Opened): Promise<void> {
    const { clock, logger } = this.#tools;
    const { name: resource } = opened;
    let over = false as boolean;
    const closed = this.#close(opened).then(
      () => (over = true),
      (err: unknown) => {
        over = true;
        logger?.error({ resource, err }, 'A resource could not be closed');
      },
    );
    await within(timeoutMs, clock, (done) => void closed.then(done));
    if (!over) logger?.warn({ resource }, 'A resource does not close: it is left behind');
  }

  async #close({ definition, value }: Opened): Promise<void> {
    const opened = await value.then(
      (it) => ({ it }),
      () => undefined, // it was asked to give up, and has
    );
    if (opened !== undefined) await definition.close?.(opened.it);
  }
}
