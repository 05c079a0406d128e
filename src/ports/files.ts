/** A stream was longer than it may be; nothing of it was kept. It has no code: over HTTP it is a 413. */
export class FileTooLargeError extends Error {
  /** How many bytes were allowed. */
  readonly limitBytes: number;

  constructor(limitBytes: number) {
    super(`The file is larger than ${limitBytes} bytes`);
    this.name = 'FileTooLargeError';
    this.limitBytes = limitBytes;
  }
}

/** A stream of bytes; every `Readable` of Node is one. */
export interface ByteStream extends NodeJS.ReadableStream {
  readonly destroyed: boolean;
  /** Ends the stream and gives back what it holds. */
  destroy(error?: Error): unknown;
  /** As iterating over the stream itself, but `destroyOnReturn: false` leaves it open when the loop is left. */
  iterator(options?: { readonly destroyOnReturn?: boolean }): AsyncIterableIterator<unknown>;
}

/** What {@link FileStore.put} may be given. */
export interface PutOptions {
  /** How many bytes are taken at most: 0 or more, or `Infinity`. */
  readonly limitBytes: number;
  /** Ends the wait for more of the source by destroying it. */
  readonly signal?: AbortSignal | undefined;
  /** Sees each piece before it is stored. What it throws ends the storing as a source that fails does. */
  readonly onBytes?: (piece: Uint8Array) => void;
  /**
   * What the file is for: 1 to {@link MAX_LABEL_BYTES} bytes of text. It goes with the file, so that whoever finds one knows
   * whether anybody needs it still: see {@link FileStore.labelled}. It never becomes part of a path as it is.
   */
  readonly label?: string;
}

/** The longest label of a file, in bytes of UTF-8. */
export const MAX_LABEL_BYTES = 160;

/** A file that was stored with a label. */
export interface LabelledFile {
  readonly name: string;
  readonly label: string;
}

/** A file that was stored whole. */
export interface StoredFile {
  /**
   * Made by the store; the only thing that finds the file again. 32 hexadecimal digits that nobody can guess, and of a file
   * with a label a dot and the label in base64url.
   */
  readonly name: string;
  readonly bytes: number;
}

/** A file that grows. It holds an operating system handle until {@link AppendableFile.close}. */
export interface AppendableFile {
  readonly name: string;
  /**
   * Adds bytes at the end; writes land in the order of their calls. Await it before writing more: that is the
   * backpressure. Once it resolves, a reader that opens the file sees the bytes.
   *
   * @throws {TaskError} BACKEND when they could not be written; part of them may have been.
   */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Resolves when all that was written is on the disk; does nothing where files do not outlive the process.
   *
   * @throws {TaskError} BACKEND when the disk refuses.
   */
  sync(): Promise<void>;
  /** Waits for the writes under way and gives the handle back. May be called again. */
  close(): Promise<void>;
}

/** How a file that is there is gone on with. */
export interface AppendOptions {
  /** How much of it stays, in bytes: what stands behind is cut off. All of it unless given. */
  readonly keepBytes?: number;
}

/** Which part of a file to read. */
export interface FileRange {
  /** The first byte, counted from 0. Default 0; at or beyond the end there is nothing to read. */
  readonly offset?: number;
  /** How many bytes at most. All that there are, unless given. */
  readonly length?: number;
}

/** What files belong to that outlive the process which has stored them. */
export interface FileOwner {
  /** Of the backend that keeps the runs: 1 to 64 of a-z, 0-9 and -, and not first a -. */
  readonly storeId: string;
  /** Whether processes elsewhere store and read its files, too: they must all see the same ones. */
  readonly shared: boolean;
}

/**
 * Where spooled bodies and the files of runs live. Every name is made by the store, so that nothing a caller sends
 * ever becomes part of a path. Every method but `remove`, `sweep` and `close` rejects with `BACKEND` once the store is closed.
 */
export interface FileStore {
  /**
   * Says, before anything else, that the files outlive this process, as the runs of a durable backend do: they are in a
   * folder that has the name of its store. A stored file is on the disk then. Not called, they go with the process. May be
   * called again, for the same store.
   *
   * @param inUse the names of files that runs of the store name, as far as they are known: where they are shared, a folder
   * without any of them that no process has marked yet is not the one that the others use.
   * @throws {RangeError} when `storeId` is malformed. @throws {TaskError} BACKEND when the folder could not be read, or is
   * not the one that the others use; its message says what to set.
   */
  belongTo(owner: FileOwner, inUse: ReadonlySet<string>): Promise<void>;
  /**
   * Removes the files of the store that have no label and are not in use; what cannot be removed stays. To be called after
   * {@link FileStore.belongTo}. Where they are shared, another process may be storing what no run names yet: only what is a
   * day old goes.
   *
   * @throws {TaskError} BACKEND when the folder could not be read.
   */
  removeUnused(inUse: ReadonlySet<string>): Promise<void>;
  /**
   * The files that were stored with a label, whole or not.
   *
   * @param unchangedForMs only those that nobody has written to for so many milliseconds. Default 0.
   * @throws {TaskError} BACKEND when the folder could not be read.
   */
  labelled(unchangedForMs?: number): Promise<readonly LabelledFile[]>;
  /**
   * Stores everything the source gives. A source that fails, is too long, or cannot be written leaves no file behind.
   * The source is not destroyed (but by `signal`): a server may still want to answer on its connection.
   *
   * @throws {FileTooLargeError} as soon as the source has given more than `limitBytes`.
   * @throws {TaskError} BACKEND when the bytes could not be stored.
   * @throws the source's own error, what `onBytes` has thrown, or the signal's reason, unchanged.
   */
  put(source: ByteStream, options: PutOptions): Promise<StoredFile>;
  /**
   * Opens a file for appending: a new one, or one that this store has made.
   *
   * @throws {RangeError} when `name` is none that a store makes, or `keepBytes` malformed.
   * @throws {TaskError} BACKEND when the file could not be opened, or is shorter than `keepBytes`.
   */
  append(name?: string, options?: AppendOptions): Promise<AppendableFile>;
  /**
   * Opens a file for reading. The handle is given back when the stream ends, fails or is destroyed: a stream that is
   * not read must be destroyed. The chunks are Buffers of at most 64 KiB.
   *
   * @throws {RangeError} when `name` is none that a store makes, or the range is malformed.
   * @throws {TaskError} BACKEND when there is no such file or it could not be opened.
   */
  open(name: string, range?: FileRange): Promise<ByteStream>;
  /**
   * Removes a file; one that is not there is no error. Streams that are reading it may go on.
   *
   * @throws {RangeError} when `name` is none that a store makes.
   * @throws {TaskError} BACKEND when it could not be removed.
   */
  remove(name: string): Promise<void>;
  /**
   * Removes what earlier processes have left, killed ones say. The first file does so too: call it where that may be long
   * after the start. Never rejects: what cannot be removed stays.
   */
  sweep(): Promise<void>;
  /** Ends every stream, gives every handle back and removes what does not outlive this store. May be called again. */
  close(): Promise<void>;
}
