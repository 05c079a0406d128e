import { createHash } from 'node:crypto';
import type { ByteStream, FileStore, StoredFile } from '../ports/files.js';
import { TaskError } from '../task/errors.js';
import type { FileRoom } from './file-room.js';

/** What a {@link Spool} is made with. */
export interface SpoolOptions {
  readonly files: FileStore;
  /** What all bodies together may take up. */
  readonly room: FileRoom;
  /** The longest body, in bytes. */
  readonly maxBytes: number;
}

/** A body that was stored whole. */
export interface SpooledBody extends StoredFile {
  /** What tells its bytes from all others; null where nobody has asked for it. */
  readonly sha256: string | null;
}

/** How a body is stored. */
export interface SpoolRequest {
  readonly signal: AbortSignal | undefined;
  readonly hashed: boolean;
}

/** The bodies of imports: each is stored whole before its import is accepted, and removed when that has ended. */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #bodies = new Map<string, StoredFile>();

  constructor(options: SpoolOptions) {
    this.#options = options;
  }

  /** @throws {TaskError} QUEUE_FULL when there is no room for a body of so many bytes. */
  refuseIfFull(bytes: number): void {
    if (bytes > this.#options.room.left) throw noRoom();
  }

  /**
   * Stores a body. One that is refused or fails leaves nothing behind.
   *
   * @throws {TaskError} QUEUE_FULL as soon as there is no more room; and all that `FileStore.put` throws.
   */
  async put(body: ByteStream, { signal, hashed }: SpoolRequest): Promise<SpooledBody> {
    const { files, room, maxBytes } = this.#options;
    const hash = hashed ? createHash('sha256') : undefined;
    let taken = 0;
    const onBytes = (piece: Uint8Array): void => {
      if (!room.take(piece.length)) throw noRoom();
      taken += piece.length;
      hash?.update(piece);
    };
    try {
      const stored = await files.put(body, { limitBytes: maxBytes, signal, onBytes });
      return { ...stored, sha256: hash?.digest('hex') ?? null };
    } catch (error) {
      room.give(taken);
      throw error;
    }
  }

  /** Says to which run a body belongs. */
  keep(runId: string, body: StoredFile): void {
    this.#bodies.set(runId, body);
  }

  /** Says to which run a body belongs that an earlier process has stored. */
  adopt(runId: string, body: StoredFile): void {
    // Found before, by an opening that went wrong after that.
    if (this.#bodies.get(runId)?.name === body.name) return;
    this.#options.room.fill(body.bytes);
    this.keep(runId, body);
  }

  /**
   * Removes the body of a run, if it has one: with `name` only that one, for a later run may have taken the id.
   *
   * @throws {TaskError} BACKEND when it could not be removed.
   */
  async removeOf(runId: string, name?: string): Promise<void> {
    const body = this.#bodies.get(runId);
    if (body === undefined || (name !== undefined && body.name !== name)) return;
    this.#bodies.delete(runId);
    await this.remove(body);
  }

  /** Removes a body. @throws {TaskError} BACKEND when it could not be removed: its room stays taken. */
  async remove({ name, bytes }: StoredFile): Promise<void> {
    const { files, room } = this.#options;
    await files.remove(name);
    room.give(bytes);
  }
}

function noRoom(): TaskError {
  const advice = 'send the file again when some have ended, or cancel some';
  return new TaskError('QUEUE_FULL', `The imports that have not ended leave no room for another file: ${advice}`);
}
