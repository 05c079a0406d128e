import type { Clock } from '../ports/clock.js';
import { checkInteger, checkLimit, checkOptions, checkSignal, show } from '../task/checks.js';
import { resolveRetryPolicy, type ResolvedRetryPolicy, type RetryPolicy } from '../task/retry-policy.js';
import { systemClock } from '../timing/system-clock.js';
import type { BatchProgress, EndedOutcome, KeptOutcomes } from './outcome.js';

/** What a `BatchProcessor` is made with. */
export interface BatchOptions {
  /**
   * How many items are handled in one pass through the limiter before other calls get their turn, and how many items
   * may wait for another attempt before no new ones are pulled: at least 1. Default 100.
   */
  readonly batchSize?: number;
  /** How many handlers are at work at once, over all calls on the processor: at least 1. Default 5. */
  readonly maxConcurrent?: number;
  /** How an item whose handler throws is tried again. One attempt unless given. */
  readonly retry?: RetryPolicy;
  /** A call is stopped as soon as so many of its items have failed: at least 1, or `Infinity` (default). */
  readonly stopAfterFailures?: number;
  /** For tests: where the waits before another attempt come from. The computer's clock unless given. */
  readonly clock?: Clock;
  /** For tests: draws jitter. `Math.random` unless given. */
  readonly random?: () => number;
}

/** What one `stream` may be given. */
export interface StreamOptions {
  /**
   * Stops the call: no further item begins, the signals of those at work abort. A source that may wait for long should
   * listen to it too.
   */
  readonly signal?: AbortSignal | undefined;
  /** In place of the processor's. */
  readonly retry?: RetryPolicy;
  /** In place of the processor's. */
  readonly stopAfterFailures?: number;
}

/** What one `process` may be given. */
export interface ProcessOptions<T = unknown, R = unknown> extends StreamOptions {
  /**
   * Called each time an item has ended; items that a stopped call never began are told of in one go at the end. What it
   * throws changes nothing.
   */
  readonly onProgress?: (progress: BatchProgress) => unknown;
  /**
   * Called with what became of each item that has succeeded or failed, in the order in which they end. Where it gives a
   * promise, the item keeps its place until that has resolved: whoever writes outcomes down never has more items that
   * have begun and are not written than `maxConcurrent`, beside those that wait for another attempt. What it throws or
   * rejects with stops the call, and `process` rejects with it.
   */
  readonly onOutcome?: (outcome: EndedOutcome<T, R>) => unknown;
  /** Which outcomes the result holds. Default `'all'`; with `'none'` memory does not grow with the number of items. */
  readonly keep?: KeptOutcomes;
}

/** {@link BatchOptions}, checked, with every default filled in. */
export interface ResolvedBatchOptions {
  readonly batchSize: number;
  readonly maxConcurrent: number;
  readonly retry: ResolvedRetryPolicy;
  readonly stopAfterFailures: number;
  readonly clock: Clock;
  readonly random: () => number;
}

const KNOWN = ['batchSize', 'maxConcurrent', 'retry', 'stopAfterFailures', 'clock', 'random'];
const KNOWN_TO_STREAM = ['signal', 'retry', 'stopAfterFailures'];
const KNOWN_TO_PROCESS = [...KNOWN_TO_STREAM, 'onProgress', 'onOutcome', 'keep'];

/** @throws {TypeError|RangeError} when an option is unknown, of the wrong type or out of range. */
export function resolveBatchOptions(options: BatchOptions): ResolvedBatchOptions {
  checkOptions('a batch processor', options, KNOWN);
  const { batchSize = 100, maxConcurrent = 5, retry, stopAfterFailures = Infinity } = options;
  const { clock = systemClock, random = Math.random } = options;
  return {
    batchSize: checkInteger('batchSize', batchSize, { min: 1 }),
    maxConcurrent: checkInteger('maxConcurrent', maxConcurrent, { min: 1 }),
    retry: resolveRetryPolicy(retry),
    stopAfterFailures: checkLimit('stopAfterFailures', stopAfterFailures),
    clock,
    random,
  };
}

/**
 * The processor's options with those of one call on top.
 *
 * @throws {TypeError|RangeError} when an option is unknown, of the wrong type or out of range.
 */
export function resolveStreamOptions(options: StreamOptions, processor: ResolvedBatchOptions): ResolvedBatchOptions {
  checkOptions('stream()', options, KNOWN_TO_STREAM);
  return withCallOptions(options, processor);
}

/** As {@link resolveStreamOptions}, for `process`. */
export function resolveProcessOptions<T, R>(
  options: ProcessOptions<T, R>,
  processor: ResolvedBatchOptions,
): ResolvedBatchOptions {
  checkOptions('process()', options, KNOWN_TO_PROCESS);
  const { onProgress, onOutcome, keep = 'all' } = options;
  for (const [name, callback] of Object.entries({ onProgress, onOutcome })) {
    if (callback !== undefined && typeof callback !== 'function')
      throw new TypeError(`${name} must be a function; got ${show(callback)}`);
  }
  if (!(['all', 'failed', 'none'] as const).includes(keep)) {
    throw new RangeError(`keep must be 'all', 'failed' or 'none'; got ${show(keep)}`);
  }
  return withCallOptions(options, processor);
}

function withCallOptions(options: StreamOptions, processor: ResolvedBatchOptions): ResolvedBatchOptions {
  const { signal, retry, stopAfterFailures = processor.stopAfterFailures } = options;
  checkSignal(signal);
  return {
    ...processor,
    retry: retry === undefined ? processor.retry : resolveRetryPolicy(retry),
    stopAfterFailures: checkLimit('stopAfterFailures', stopAfterFailures),
  };
}
