import { MAX_RECORD_BYTES, type ImportRecord } from './import-record.js';

/** The bytes of one record, cut out of the file but not yet read; or why they cannot be. */
export type Frame =
  | { readonly line: number | null; readonly bytes: Buffer; readonly problem: null }
  | { readonly line: number | null; readonly bytes: null; readonly problem: string };

/**
 * Cuts the chunks of a file into records, and reads these. Cutting alone is enough to count, and holds no more of the
 * file than the record that is not complete yet.
 */
export interface RecordReader {
  /**
   * Gives the records that the chunk completes. Their bytes are valid until the next call.
   *
   * @throws {TaskError} INPUT_INVALID when the whole file cannot be imported.
   */
  cut(chunk: Buffer): Frame[];
  /** Gives what the end of the file completes. @throws {TaskError} INPUT_INVALID as {@link RecordReader.cut} does. */
  end(): Frame[];
  /** Reads the records; the first of them has the index `first`. Never throws. */
  read(frames: readonly Frame[], first: number): ImportRecord[];
}

/** What is said of a record that is larger than allowed. */
export const TOO_LARGE = `The record is larger than ${MAX_RECORD_BYTES} bytes`;

/** Collects a record that comes in several chunks, up to the limit; what goes beyond is counted and let go. */
export class FrameBytes {
  #kept = Buffer.alloc(0);
  #length = 0;

  /** How many bytes of the record came so far. */
  get length(): number {
    return this.#length;
  }

  /** Adds bytes to the record, which goes on in the next chunk. */
  add(bytes: Buffer): void {
    if (this.#length + bytes.length <= MAX_RECORD_BYTES) {
      this.#makeRoom(this.#length + bytes.length);
      bytes.copy(this.#kept, this.#length);
    }
    this.#length += bytes.length;
  }

  /** Ends the record with its last bytes. @returns all of them, or null when they are more than allowed. */
  take(last: Buffer): Buffer | null {
    const before = this.#length;
    this.#length = 0;
    if (before + last.length > MAX_RECORD_BYTES) return null;
    return before === 0 ? last : Buffer.concat([this.#kept.subarray(0, before), last]);
  }

  #makeRoom(needed: number): void {
    if (needed <= this.#kept.length) return;
    const roomier = Buffer.allocUnsafe(Math.min(MAX_RECORD_BYTES, Math.max(4_096, 2 * needed)));
    this.#kept.copy(roomier, 0, 0, this.#length);
    this.#kept = roomier;
  }
}
