import { checkOptions, isRecord, show } from '../task/checks.js';
import type { ResourceDefinition } from '../task/resources.js';

/** A resource with its name, in the order of opening. */
export type NamedResource = readonly [name: string, definition: ResourceDefinition<unknown>];

/**
 * Checks definitions of resources.
 *
 * @throws {TypeError} when they are no object of objects with `open` and perhaps `close`; the message begins with `what`.
 */
export function resolveResources(what: string, resources: unknown): readonly NamedResource[] {
  if (!isRecord(resources)) {
    throw new TypeError(
      `${what} must be an object of resources, such as { db: { open: () => …, close: (db) => … } }; got ${show(resources)}`,
    );
  }
  return Object.entries(resources).map(([name, definition]) => [name, checked(`${what}.${name}`, definition)]);
}

function checked(what: string, definition: unknown): ResourceDefinition<unknown> {
  if (!isRecord(definition) || typeof definition['open'] !== 'function') {
    throw new TypeError(`${what} must be an object with a function open, and perhaps close; got ${show(definition)}`);
  }
  checkOptions(what, definition, ['open', 'close']);
  const { close } = definition;
  if (close !== undefined && typeof close !== 'function')
    throw new TypeError(`${what}.close must be a function; got ${show(close)}`);
  // Its types are the application's, which cannot be seen from here.
  return definition as unknown as ResourceDefinition<unknown>;
}
