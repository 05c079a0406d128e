import { Readable } from 'node:stream';
import type { AppendableFile, ByteStream, FileStore } from '../ports/files.js';
import type { FileRoom } from './file-room.js';
import type { StoredFailures } from './import-state.js';
import { HIDING } from './shown-failures.js';

/** An item of an import that failed, as `GET /process/{id}/failures` tells it. */
export interface ImportFailure {
  /** Of its record, counted from 0. */
  readonly index: number;
  /** The line on which its record begins, counted from 1; null for an element of a JSON array. */
  readonly line: number | null;
  /** The record; null where it could not be read, where it is nothing that JSON can say, or too much to be kept. */
  readonly item: unknown;
  readonly error: { readonly code: string; readonly message: string };
  /** How often the handler was called; 0 where the record was refused before. */
  readonly attempts: number;
}

/** How much the failures of one import may take up. */
export interface FailuresLimits {
  /** What all imports share. */
  readonly room: FileRoom;
  /** Of one import: what goes beyond is left out. */
  readonly maxBytes: number;
}

/** How much is gathered before it is written. */
const BATCH_BYTES = 65_536;
/** How long the JSON of an item may be to be kept, in characters. */
const MAX_ITEM_LENGTH = 65_536;
const TOO_LARGE = 'null,"itemTooLarge":true';

/**
 * The failures of one import, a line of JSON each, in a file of the store. The file is made at the first batch, so an
 * import without failures has none. Lines stand in the order of the calls of {@link FailuresFile.add}. One that an earlier
 * process has left is gone on with behind what is of account in it.
 */
export class FailuresFile {
  readonly #files: FileStore;
  readonly #limits: FailuresLimits;
  #name: string | undefined;
  #file: AppendableFile | undefined;
  /** What was written whole; a reader gets no more, and so never half a line. */
  #written = 0;
  #lines: Buffer[] = [];
  #gathered = 0;
  #last: Promise<void> = Promise.resolve();
  /** The room that was taken. */
  #taken = 0;
  #omitted = 0;

  /** @param stored what an earlier process has left. */
  constructor(files: FileStore, limits: FailuresLimits, stored: StoredFailures | null = null) {
    this.#files = files;
    this.#limits = limits;
    if (stored === null) return;
    this.#name = stored.name;
    this.#written = stored.bytes;
    this.#taken = stored.bytes;
    this.#omitted = stored.omitted;
    limits.room.fill(stored.bytes);
  }

  /** The file's name; undefined while there is none. */
  get name(): string | undefined {
    return this.#name;
  }

  /** Where the last failure that was added ends, or will end, in bytes. */
  get end(): number {
    return this.#taken;
  }

  /** How many failures were left out because there was no more room for them: the last ones. */
  get omitted(): number {
    return this.#omitted;
  }

  /**
   * Adds a failure. It may wait until a batch has been written: await it before going on, or memory grows.
   * `exposed` is false where its message was not written for callers; default true. Where there is no room for it, it is
   * left out and counted, and so are all that come later.
   *
   * @throws {TaskError} BACKEND when this batch or an earlier one could not be written.
   */
  async add(failure: ImportFailure, { exposed = true }: { readonly exposed?: boolean } = {}): Promise<void> {
    const line = this.#omitted > 0 ? undefined : Buffer.from(lineOf(failure, exposed ? ',' : HIDING));
    if (line === undefined || !this.#takeRoom(line.length)) {
      this.#omitted += 1;
      return;
    }
    this.#lines.push(line);
    this.#gathered += line.length;
    if (this.#gathered >= BATCH_BYTES) await this.flush();
  }

  /**
   * Writes what was added until now, so that {@link FailuresFile.open} shows it.
   *
   * @throws {TaskError} BACKEND when this or an earlier batch could not be written.
   */
  flush(): Promise<void> {
    const bytes = Buffer.concat(this.#lines);
    this.#lines = [];
    this.#gathered = 0;
    // After a write that failed no later one may be begun: the file would have half a line in its middle.
    const writing = this.#last.then(() => this.#write(bytes));
    this.#last = writing;
    writing.catch(() => undefined);
    return writing;
  }

  /**
   * Opens the failures that have been added until now for reading, as they are stored: `showFailures` makes of them what
   * may be seen. That goes also while more of them come. Where a batch could not be written, those before it are there
   * all the same. Destroy the stream if you do not read it to its end.
   *
   * @throws {TaskError} BACKEND when not even the first batch could be written, or the file not be opened.
   */
  async open(): Promise<ByteStream> {
    await this.flush().catch((error: unknown) => {
      if (this.#written === 0) throw error;
    });
    if (this.#name === undefined) return Readable.from([]);
    return this.#files.open(this.#name, { length: this.#written });
  }

  /**
   * Writes the last batch and gives the file's handle back; nothing may be added any more. The file stays until
   * {@link FailuresFile.remove}.
   *
   * @throws {TaskError} BACKEND when not everything could be written; the handle has been given back all the same.
   */
  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.#file?.close();
    }
  }

  /** Gives the room back, but leaves the file: other processes look after it. After `close`. */
  leave(): void {
    this.#limits.room.give(this.#taken);
    this.#taken = 0;
  }

  /** Removes the file. May be called again, before `close` or without it. @throws {TaskError} BACKEND when it is refused. */
  async remove(): Promise<void> {
    await this.#last.catch(() => undefined);
    try {
      await this.#file?.close();
    } finally {
      if (this.#name !== undefined) await this.#files.remove(this.#name);
    }
    this.leave();
  }

  #takeRoom(bytes: number): boolean {
    const { room, maxBytes } = this.#limits;
    if (this.#taken + bytes > maxBytes || !room.take(bytes)) return false;
    this.#taken += bytes;
    return true;
  }

  async #write(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    this.#file ??= await this.#files.append(this.#name, { keepBytes: this.#written });
    this.#name = this.#file.name;
    await this.#file.write(bytes);
    await this.#file.sync();
    this.#written += bytes.length;
  }
}

function lineOf({ index, line, item, error, attempts }: ImportFailure, beforeError: string): string {
  const rest = JSON.stringify({ error: { code: error.code, message: error.message }, attempts });
  return `{"index":${index},"line":${line ?? 'null'},"item":${textOf(item)}${beforeError}${rest.slice(1)}\n`;
}

function textOf(item: unknown): string {
  try {
    // Typed as a string, but undefined for what JSON leaves out: a function, say.
    const text: unknown = JSON.stringify(item);
    if (typeof text !== 'string') return 'null';
    return text.length > MAX_ITEM_LENGTH ? TOO_LARGE : text;
  } catch {
    return 'null'; // a cycle, a BigInt, a `toJSON` that throws: the failure counts more than the item
  }
}
