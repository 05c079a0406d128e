import type { FileStore } from '../ports/files.js';
import type { ImportFormat } from './import-record.js';
import { countFrames } from './records.js';

/** Which file to count, and as what. */
export interface CountOptions {
  /** As the store named it. */
  readonly name: string;
  readonly format: ImportFormat;
  /** Called before each piece of the file; what it throws ends the counting. */
  readonly mayGoOn?: () => void;
}

/**
 * Counts the records of a stored file: exactly as many, good and bad, as an import of it will read. It costs a fraction
 * of reading them, and constant memory.
 *
 * @throws {TaskError} INPUT_INVALID when the whole file is wrong, as reading it would.
 * @throws {TaskError} BACKEND when the file cannot be opened. @throws what `mayGoOn` throws.
 */
export async function countRecords(files: FileStore, { name, format, mayGoOn }: CountOptions): Promise<number> {
  return countFrames(await files.open(name), format, mayGoOn);
}
