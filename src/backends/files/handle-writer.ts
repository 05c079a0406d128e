import type { FileHandle } from 'node:fs/promises';
import { isUint8Array } from 'node:util/types';
import { FileTooLargeError, type AppendableFile, type ByteStream, type PutOptions } from '../../ports/files.js';
import { TaskError } from '../../task/errors.js';
import { filing } from './file-errors.js';

/** What a {@link HandleWriter} is made with. */
export interface HandleWriterOptions {
  readonly name: string;
  /** Given back by `close`. */
  readonly handle: FileHandle;
  /** Whether `sync` brings what was written to the disk. */
  readonly lasts: boolean;
  /** Called once, when the handle has been given back. */
  readonly onClosed: () => void;
}

/** Writes to an open file, one piece after another in the order they came. */
export class HandleWriter implements AppendableFile {
  readonly name: string;
  readonly #handle: FileHandle;
  readonly #lasts: boolean;
  readonly #onClosed: () => void;
  /** The last write under way; never rejects. */
  #last: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor({ name, handle, lasts, onClosed }: HandleWriterOptions) {
    this.name = name;
    this.#handle = handle;
    this.#lasts = lasts;
    this.#onClosed = onClosed;
  }

  write(bytes: Uint8Array): Promise<void> {
    // `write` of a handle may write less than it was given; `writeFile` goes on from where the last one ended.
    return this.#then('The file could not be written', () => this.#handle.writeFile(bytes));
  }

  sync(): Promise<void> {
    if (!this.#lasts) return Promise.resolve();
    return this.#then('The file could not be written', () => this.#handle.datasync());
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  #then(what: string, act: () => Promise<void>): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new TaskError('BACKEND', 'The file has been closed'));
    const done = this.#last.then(() => filing(what, act()));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #close(): Promise<void> {
    await this.#last;
    try {
      await filing('The file could not be closed', this.#handle.close());
    } finally {
      this.#onClosed();
    }
  }
}

/**
 * Writes all that the source gives, as fast as the file takes it, and leaves the source as it is.
 *
 * @returns how many bytes that was.
 * @throws {FileTooLargeError} when it is more than `limitBytes`. @throws what `onBytes` throws.
 */
export async function copy(
  source: ByteStream,
  file: AppendableFile,
  { limitBytes, onBytes }: PutOptions,
): Promise<number> {
  let bytes = 0;
  for await (const chunk of source.iterator({ destroyOnReturn: false })) {
    const piece = bytesOf(chunk);
    bytes += piece.length;
    if (bytes > limitBytes) throw new FileTooLargeError(limitBytes);
    onBytes?.(piece);
    await file.write(piece);
  }
  return bytes;
}

function bytesOf(chunk: unknown): Uint8Array {
  if (isUint8Array(chunk)) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk);
  throw new TypeError('A file is stored from a stream of bytes or text');
}
