import pLimit from 'p-limit';
import { show } from '../task/checks.js';
import { TaskError } from '../task/errors.js';
import { BatchCall, type SharedByCalls } from './batch-call.js';
import type { ItemHandler } from './batch-item.js';
import {
  resolveBatchOptions,
  resolveProcessOptions,
  resolveStreamOptions,
  type BatchOptions,
  type ProcessOptions,
  type ResolvedBatchOptions,
  type StreamOptions,
} from './batch-options.js';
import { Breather } from './breather.js';
import { checkItems, type Items } from './open-source.js';
import type { BatchResult, Outcome } from './outcome.js';
import { OutcomeBuffer } from './outcome-buffer.js';
import { Tally } from './tally.js';

/**
 * Handles many items, a few at a time. Items are pulled only as fast as handlers finish, so that memory does not grow
 * with the source; as soon as one item has ended the next begins, so that a slow one never holds up the others.
 *
 * All calls on one processor share `maxConcurrent`, and take turns: after `batchSize` items a call goes to the back of
 * the line. A call that waits for its source, for its reader or for the time of a retry takes up nothing.
 *
 * A handler that ignores its signal is waited for: a limit stays a limit. For the same reason a handler must not await
 * a call on its own processor: where every place is taken by handlers that do so, as with `maxConcurrent: 1`, they wait
 * for ever. Give inner calls a processor of their own.
 */
export class BatchProcessor {
  readonly #options: ResolvedBatchOptions;
  readonly #shared: SharedByCalls;

  /** @throws {TypeError|RangeError} when an option is unknown, of the wrong type or out of range. */
  constructor(options: BatchOptions = {}) {
    this.#options = resolveBatchOptions(options);
    this.#shared = { limit: pLimit(this.#options.maxConcurrent), breather: new Breather() };
  }

  /**
   * Handles all items and says what became of them. Items that fail, and an abort, do not make it reject: an aborted
   * call resolves, with counts that add up, when the items at work have settled. One that still returned has succeeded,
   * one that threw is cancelled.
   *
   * @param items an array counts as given whole: its items that never began are `cancelled`. Of an iterable only what it
   * has yielded counts; left early it is closed, its errors in closing are ignored, and one that takes more than a second
   * to close is no longer waited for.
   * @throws what the source itself throws, or `onOutcome`, unchanged, after every item that was yielded has ended.
   * @throws {TypeError|RangeError} when an argument is of the wrong type or out of range.
   */
  async process<T, R>(
    items: Items<T>,
    handler: ItemHandler<T, R>,
    options: ProcessOptions<T, R> = {},
  ): Promise<BatchResult<T, R>> {
    checkArguments(items, handler);
    const resolved = resolveProcessOptions(options, this.#options);
    const { keep = 'all', onProgress, onOutcome } = options;
    const tally = new Tally<T, R>({ keep, onProgress, onOutcome });
    const call = { items, handler, signal: options.signal, options: resolved, sink: tally, onEnded: tally.report };
    await new BatchCall({ ...this.#shared, ...call }).run();
    return tally.result();
  }

  /**
   * As {@link process}, but gives each outcome as soon as its item has ended. Begins when it is first read, and begins no
   * further item while `maxConcurrent` outcomes wait for the reader. After an abort it gives the remaining outcomes and
   * ends. A reader who leaves early (`break`) stops the call, and goes on when the items at work have settled.
   *
   * @throws what the source itself throws, unchanged, to the reader, after the outcomes of all that it yielded.
   * @throws {TypeError|RangeError} at once, when an argument is of the wrong type or out of range.
   */
  stream<T, R>(
    items: Items<T>,
    handler: ItemHandler<T, R>,
    options: StreamOptions = {},
  ): AsyncGenerator<Outcome<T, R>, void, undefined> {
    checkArguments(items, handler);
    const resolved = resolveStreamOptions(options, this.#options);
    const sink = new OutcomeBuffer<T, R>(resolved.maxConcurrent);
    const call = { items, handler, signal: options.signal, options: resolved, sink };
    return read(() => new BatchCall({ ...this.#shared, ...call }), sink);
  }
}

async function* read<T, R>(
  open: () => BatchCall<T, R>,
  outcomes: OutcomeBuffer<T, R>,
): AsyncGenerator<Outcome<T, R>, void, undefined> {
  const call = open();
  const ended = call.run().finally(() => outcomes.close());
  // Awaited below; until then its rejection must not count as unhandled.
  ended.catch(() => undefined);
  try {
    for (let outcome = await outcomes.next(); outcome !== undefined; outcome = await outcomes.next()) {
      call.resume();
      yield outcome;
    }
    await ended;
  } finally {
    call.stop(new TaskError('RUN_CANCELLED', 'The reader of the outcomes has left'));
    outcomes.discard();
    await ended.catch(() => undefined);
  }
}

function checkArguments(items: unknown, handler: unknown): void {
  checkItems(items);
  if (typeof handler !== 'function')
    throw new TypeError(`handler must be a function (item, ctx); got ${show(handler)}`);
}
