import { constants } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import type {
  AppendableFile,
  AppendOptions,
  ByteStream,
  FileOwner,
  FileRange,
  FileStore,
  LabelledFile,
  PutOptions,
  StoredFile,
} from '../../ports/files.js';
import { checkInteger, checkLimit, checkOptions, show } from '../../task/checks.js';
import { TaskError } from '../../task/errors.js';
import { filing } from './file-errors.js';
import { FILE_NAME, newFileName } from './file-name.js';
import { copy, HandleWriter } from './handle-writer.js';
import { OwnFolder } from './own-folder.js';

/** What {@link fileFolder} takes. */
export interface FileFolderOptions {
  /** Where the files go. Made with its parents when the first file comes, open to this user only. */
  readonly folder: string;
  /**
   * False: nobody has named this folder, so no other process can be expected to see it, and it serves no runs that are
   * shared with processes elsewhere. Default true.
   */
  readonly mayBeShared?: boolean;
}

/** Unlike the flag `'a'` this makes no file where there is none. */
const APPEND = constants.O_WRONLY | constants.O_APPEND;

/**
 * Files in a folder of the file system, for this process only. They are in a folder of their own inside `folder`, which
 * `close` removes, unless they were said to belong to a store that outlives the process. What earlier processes left there
 * (killed, say) is removed by `sweep`, or when the first file comes.
 *
 * @throws {TypeError} when `folder` is missing or another option is given.
 */
export function fileFolder(options: FileFolderOptions): FileStore {
  checkOptions('fileFolder', options, ['folder', 'mayBeShared']);
  if (typeof options.folder !== 'string' || options.folder === '') {
    throw new TypeError(`folder must be a path; got ${show(options.folder)}`);
  }
  const { mayBeShared = true } = options;
  if (typeof mayBeShared !== 'boolean')
    throw new TypeError(`mayBeShared must be true or false; got ${show(mayBeShared)}`);
  return new FileFolder(options.folder, mayBeShared);
}

class FileFolder implements FileStore {
  readonly #own: OwnFolder;
  readonly #readers = new Set<ByteStream>();
  readonly #writers = new Set<HandleWriter>();
  readonly #sources = new Set<ByteStream>();
  readonly #opening = new Set<Promise<FileHandle>>();
  #closing: Promise<void> | undefined;

  constructor(folder: string, mayBeShared: boolean) {
    this.#own = new OwnFolder(folder, mayBeShared);
  }

  belongTo(owner: FileOwner, inUse: ReadonlySet<string>): Promise<void> {
    return this.#own.belongTo(owner, inUse);
  }

  removeUnused(inUse: ReadonlySet<string>): Promise<void> {
    return this.#own.removeUnused(inUse);
  }

  labelled(unchangedForMs = 0): Promise<readonly LabelledFile[]> {
    return this.#own.labelled(unchangedForMs);
  }

  async put(source: ByteStream, options: PutOptions): Promise<StoredFile> {
    const { limitBytes, signal } = options;
    checkLimit('limitBytes', limitBytes, 0);
    signal?.throwIfAborted();
    const onAbort = (): void => giveUp(source);
    signal?.addEventListener('abort', onAbort, { once: true });
    source.on('error', ignore); // it may fail before it is read, which would end the process
    this.#sources.add(source);
    try {
      return await this.#store(source, options);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      this.#sources.delete(source);
      source.off('error', ignore);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async append(name?: string, { keepBytes }: AppendOptions = {}): Promise<AppendableFile> {
    if (name === undefined) return this.#create('The file could not be made', undefined);
    const path = this.#path(name);
    if (keepBytes !== undefined) checkInteger('keepBytes', keepBytes, { min: 0 });
    const handle = await this.#handle('The file could not be opened', () => openToAppend(path, keepBytes));
    return this.#writer(name, handle);
  }

  async open(name: string, { offset = 0, length }: FileRange = {}): Promise<ByteStream> {
    const path = this.#path(name);
    checkInteger('offset', offset, { min: 0 });
    if (length !== undefined) checkInteger('length', length, { min: 0 });
    const handle = await this.#handle('The file could not be read', () => open(path, 'r'));
    const end = length === undefined ? Infinity : offset + length - 1;
    // A range of nothing cannot be said as start and end: it starts behind any end of the file.
    const start = length === 0 ? Number.MAX_SAFE_INTEGER : offset;
    const reader = handle.createReadStream({ start, end: Math.max(start, end), highWaterMark: 65_536 });
    this.#readers.add(reader);
    reader.once('close', () => this.#readers.delete(reader));
    return reader;
  }

  async remove(name: string): Promise<void> {
    await filing('The file could not be removed', rm(this.#path(name), { force: true }));
  }

  sweep(): Promise<void> {
    return this.#own.sweep();
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    for (const source of this.#sources) giveUp(source);
    const writers = [...this.#writers].map((writer) => writer.close());
    const readers = [...this.#readers].map((reader) => destroyed(reader));
    await Promise.allSettled([...writers, ...readers, ...this.#opening]);
    await this.#own.close();
  }

  #path(name: string): string {
    if (!FILE_NAME.test(name))
      throw new RangeError(
        `a file's name is made by the store, and begins with 32 hexadecimal digits; got ${show(name)}`,
      );
    return this.#own.pathOf(name);
  }

  async #create(what: string, label: string | undefined): Promise<HandleWriter> {
    const name = newFileName(label);
    const path = this.#path(name);
    const handle = await this.#handle(what, async () => {
      await this.#own.make();
      return open(path, 'wx', 0o600);
    });
    const writer = this.#writer(name, handle);
    try {
      await filing(what, this.#own.sync());
      return writer;
    } catch (error) {
      await this.#discard(writer);
      throw error;
    }
  }

  #writer(name: string, handle: FileHandle): HandleWriter {
    const { lasts } = this.#own;
    const writer = new HandleWriter({ name, handle, lasts, onClosed: () => this.#writers.delete(writer) });
    this.#writers.add(writer);
    return writer;
  }

  /** Opens a file; `close` waits for it. */
  #handle(what: string, opening: () => Promise<FileHandle>): Promise<FileHandle> {
    if (this.#isClosed()) return Promise.reject(closedError());
    const handle = this.#unlessClosed(filing(what, opening()));
    this.#opening.add(handle);
    return handle.finally(() => this.#opening.delete(handle));
  }

  /** A handle that comes when the store has been closed meanwhile is given back at once. */
  async #unlessClosed(opening: Promise<FileHandle>): Promise<FileHandle> {
    const handle = await opening;
    if (!this.#isClosed()) return handle;
    await handle.close();
    throw closedError();
  }

  #isClosed(): boolean {
    return this.#closing !== undefined;
  }

  async #store(source: ByteStream, options: PutOptions): Promise<StoredFile> {
    const writer = await this.#create('The file could not be stored', options.label);
    try {
      const bytes = await copy(source, writer, options);
      await writer.sync();
      await writer.close();
      return { name: writer.name, bytes };
    } catch (error) {
      await this.#discard(writer);
      throw error;
    }
  }

  /** What went wrong first is what is told. */
  async #discard(writer: HandleWriter): Promise<void> {
    await writer.close().catch(ignore);
    await this.remove(writer.name).catch(ignore);
  }
}

/** @throws {Error} when the file is not as long as it was: an operating system's error, as far as its code goes. */
async function openToAppend(path: string, keepBytes: number | undefined): Promise<FileHandle> {
  const handle = await open(path, APPEND);
  if (keepBytes === undefined) return handle;
  try {
    if ((await handle.stat()).size < keepBytes) throw Object.assign(new Error('the file was cut'), { code: 'ECUT' });
    await handle.truncate(keepBytes);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function ignore(): void {
  // See where it is used.
}

function closedError(): TaskError {
  return new TaskError('BACKEND', 'The folder for files has been closed');
}

function giveUp(source: ByteStream): void {
  source.destroy(new Error('The wait for the file was given up'));
}

/** Destroys the stream; resolves when its handle has been given back. */
function destroyed(reader: ByteStream): Promise<void> {
  return new Promise((resolve) => {
    reader.once('close', resolve);
    reader.destroy();
  });
}
