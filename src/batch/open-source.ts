import { show } from '../task/checks.js';
import { AsyncItemSource } from './async-item-source.js';
import type { ItemSource } from './item-source.js';
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
 * @param onChange is called when an async source has come on.
 * @throws whatever the iterable throws when it is asked for its iterator.
 */
export function openSource<T>(items: Items<T>, onChange: () => void): ItemSource<T> {
  return Symbol.asyncIterator in Object(items)
    ? new AsyncItemSource(items as AsyncIterable<T>, onChange)
    : new SyncItemSource(items as Iterable<T>);
}

function hasMethod(value: object, name: symbol): boolean {
  return typeof (value as Record<symbol, unknown>)[name] === 'function';
}
