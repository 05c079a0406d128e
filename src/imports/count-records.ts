import type { FileStore } from '../ports/files.js';
import type { ImportFormat } from './import-record.js';
import { countFrames } from './records.js';

/** Which file to count, and as what. */
export interface CountOptions {
  /** As the store named it. */
  readonly name: string;
  readonly format: ImportFormat;
}

/**
 * Counts the records of a stored file: exactly as many, good and bad, as an import of it will read. It costs a fraction
 * of reading them, and constant memory. Nothing cuts it short: an import that is cancelled says how much it left undone.
 *
 * @throws {TaskError} INPUT_INVALID when the whole file is wrong, as reading it would.
 * @throws {TaskError} BACKEND when the file cannot be opened.
 */
export async function countRecords(files: FileStore, { name, format }: CountOptions): Promise<number> {
  return countFrames(await files.open(name), format);
}
