import { show } from '../task/checks.js';
import { AsyncItemSource } from './async-item-source.js';
import type { ItemSource, SourceOptions } from './item-source.js';
import { SyncItemSource } from './sync-item-source.js';

/** What a batch takes its items from. Items are handed over as they are: one that is a promise is not awaited. */
export type Items<T> = Iterable<T> | AsyncIterable<T>;

/** @throws {TypeError} when `items` is no array, iterable or async iterable. */
export function checkItems(items: unknown): void {
  if (
    items === undefined ||
    items === null ||
    !(hasMethod(items, Symbol.asyncIterator) || hasMethod(items, Symbol.iterator))
  ) {
    throw new TypeError(`items must be an array, an iterable or an async iterable; got ${show(items)}`);
  }
}

/**
 * Opens what {@link checkItems} let pass.
 *
 * @throws whatever the iterable throws when it is asked for its iterator.
 */
export function openSource<T>(items: Items<T>, options: SourceOptions): ItemSource<T> {
  return isAsync(items) ? new AsyncItemSource(items, options) : new SyncItemSource(items);
}

/** As `for await` decides it: a member that is undefined is none. */
function isAsync<T>(items: Items<T>): items is AsyncIterable<T> {
  return hasMethod(items, Symbol.asyncIterator);
}

function hasMethod(value: object, name: symbol): boolean {
  return typeof (value as Record<symbol, unknown>)[name] === 'function';
}
