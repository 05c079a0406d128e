import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What a killed server has left is removed when it is a day old. */
const STALE_MS = 86_400_000;
const NAME = /^[0-9a-f]{32}$/;

/** A folder of pictures that wait to be made smaller. Their names are made here; nothing that a client says is part of a path. */
export class Uploads {
  readonly folder: string;

  /** @param folder made if it is not there */
  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Makes a name. */
  static newName(): string {
    return randomBytes(16).toString('hex');
  }

  /** Whether this is a name as {@link newName} makes them. */
  static isName(text: string): boolean {
    return NAME.test(text);
  }

  /** Where the picture is. @throws {RangeError} when it is no name. */
  pathOf(name: string): string {
    if (!Uploads.isName(name)) throw new RangeError('an upload has a name of 32 hexadecimal digits');
    return join(this.folder, name);
  }

  /** Where its thumbnail is made. */
  thumbnailOf(name: string): string {
    return `${this.pathOf(name)}.webp`;
  }

  /** Removes a picture and what was made of it. Nothing happens where there is none. */
  async remove(name: string): Promise<void> {
    await Promise.all([this.pathOf(name), this.thumbnailOf(name)].map((path) => rm(path, { force: true })));
  }

  /** How many files there are; stale ones are removed first. @param now epoch milliseconds */
  async count(now: number): Promise<number> {
    const names = await readdir(this.folder);
    const kept = await Promise.all(names.map((name) => this.#isFresh(join(this.folder, name), now)));
    return kept.filter(Boolean).length;
  }

  async #isFresh(path: string, now: number): Promise<boolean> {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return false;
    if (now - found.mtimeMs < STALE_MS) return true;
    await rm(path, { force: true });
    return false;
  }
}

/** Where the server of these settings keeps uploads: `examples/uploads` under `ERRAND_DATA`. Threads see it the same way. */
export function uploadFolder(env: NodeJS.ProcessEnv): string {
  return join(env['ERRAND_DATA'] || 'data', 'examples', 'uploads');
}
