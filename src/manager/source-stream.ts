import type { MaybePromise } from '../ports/backend.js';
import type { ByteStream } from '../ports/files.js';
import type { FileSource } from '../task/file-result.js';

/**
 * Makes a stream of whatever gives the bytes of a file; at once, where it is one. Destroying it ends the source.
 *
 * @throws {TypeError} when it is nothing that could give bytes.
 */
export function sourceStream(source: FileSource): MaybePromise<ByteStream> {
  if (isByteStream(source)) return source;
  // Node's streams take a tenth of the time in which the core is imported, and most managers never store a file.
  return import('./iterator-stream.js').then(({ iteratorStream }) => iteratorStream(source));
}

function isByteStream(source: unknown): source is ByteStream {
  if (typeof source !== 'object' || source === null) return false;
  return ['on', 'off', 'destroy', 'iterator'].every((member) => typeof Reflect.get(source, member) === 'function');
}
