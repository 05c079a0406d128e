import type { FileStore } from '../ports/files.js';
import type { ImportFormat } from './import-record.js';
import { countFrames } from './records.js';

/** Which file to count, and as what. */
export interface CountOptions {
  /** As the store named it. */
  readonly name: string;
  readonly format: ImportFormat;
  /** Ends the counting at once. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Counts the records of a stored file: exactly as many, good and bad, as an import of it will read. It costs a fraction
 * of reading them, and constant memory.
 *
 * @throws {TaskError} INPUT_INVALID when the whole file is wrong, as reading it would.
 * @throws {TaskError} BACKEND when the file cannot be opened.
 * @throws the signal's reason when it aborts.
 */
export async function countRecords(files: FileStore, { name, format, signal }: CountOptions): Promise<number> {
  signal?.throwIfAborted();
  const source = await files.open(name);
  const onAbort = (): void => void source.destroy(new Error('The counting was given up'));
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    return await countFrames(source, format);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
