import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileOwner, LabelledFile } from '../../ports/files.js';
import { show } from '../../task/checks.js';
import { systemClock } from '../../timing/system-clock.js';
import { filing, systemCode } from './file-errors.js';
import { labelOf, PLAIN_NAME } from './file-name.js';
import { processFolderName, removeDeadFolders } from './process-folder.js';
import { joinSharedFolder, LEFT_ALONE_MS, unchosenFolder } from './shared-folder.js';

const STORE_ID = /^[0-9a-z][0-9a-z-]{0,63}$/;

/** Where the files of one store are: a folder of this process, which goes with it, or one that has a store's name. */
export class OwnFolder {
  readonly #parent: string;
  readonly #mayBeShared: boolean;
  #path: string;
  #lasts = false;
  #shared = false;
  /** Whether it, or whose it is, is settled. */
  #made = false;
  #swept: Promise<void> | undefined;

  constructor(parent: string, mayBeShared: boolean) {
    this.#parent = parent;
    this.#mayBeShared = mayBeShared;
    this.#path = join(parent, processFolderName());
  }

  /** Whether the files outlive this process: then they have to be on the disk before anybody counts on them. */
  get lasts(): boolean {
    return this.#lasts;
  }

  pathOf(name: string): string {
    return join(this.#path, name);
  }

  /** @throws as `FileStore.belongTo`. */
  async belongTo({ storeId, shared }: FileOwner, inUse: ReadonlySet<string>): Promise<void> {
    const path = join(this.#parent, storeId);
    if (this.#made && path !== this.#path)
      throw new Error('These files belong to other runs already: give each manager a store of files of its own');
    if (!STORE_ID.test(storeId))
      throw new RangeError(`storeId must be 1 to 64 of a-z, 0-9 and -, and not begin with -; got ${show(storeId)}`);
    if (shared && !this.#mayBeShared) throw unchosenFolder();
    if (shared) await joinSharedFolder(path, storeId, inUse);
    this.#path = path;
    this.#lasts = true;
    this.#shared = shared;
    this.#made = true;
  }

  /** @throws as `FileStore.removeUnused`. */
  async removeUnused(inUse: ReadonlySet<string>): Promise<void> {
    const unchangedForMs = this.#shared ? LEFT_ALONE_MS : 0;
    for (const name of await this.#list()) {
      // What others put there is theirs, as is the mark of a folder that is shared; nobody shares one of this process's.
      if (inUse.has(name) || !(this.#shared ? PLAIN_NAME.test(name) : labelOf(name) === undefined)) continue;
      if (await this.#isUnchanged(name, unchangedForMs))
        await rm(this.pathOf(name), { force: true }).catch(() => undefined);
    }
  }

  /** @throws as `FileStore.labelled`. */
  async labelled(unchangedForMs: number): Promise<readonly LabelledFile[]> {
    const found: LabelledFile[] = [];
    for (const name of await this.#list()) {
      const label = labelOf(name);
      if (label !== undefined && (await this.#isUnchanged(name, unchangedForMs))) found.push({ name, label });
    }
    return found;
  }

  /** Makes it: at each new file, because something that tidies temporary folders may have taken an empty one away. */
  async make(): Promise<void> {
    await mkdir(this.#path, { recursive: true, mode: 0o700 });
    this.#made = true;
    await this.sweep();
  }

  /** That a file is there has to be on the disk, too, and that this folder is. */
  async sync(): Promise<void> {
    if (!this.#lasts) return;
    for (const path of [this.#path, this.#parent]) {
      const handle = await open(path, 'r');
      await handle.sync().finally(() => handle.close());
    }
  }

  /** Removes what processes that no longer exist have left. */
  sweep(): Promise<void> {
    return (this.#swept ??= removeDeadFolders(this.#parent).catch(() => undefined));
  }

  async close(): Promise<void> {
    if (!this.#made || this.#lasts) return;
    await filing('The folder for files could not be removed', rm(this.#path, { recursive: true, force: true }));
  }

  /** Of one that is gone meanwhile it is none's business when it was written to. */
  async #isUnchanged(name: string, forMs: number): Promise<boolean> {
    if (forMs === 0) return true;
    const changedAt = await stat(this.pathOf(name)).then(
      ({ mtimeMs }) => mtimeMs,
      () => Infinity,
    );
    return changedAt < systemClock.now() - forMs;
  }

  /** @throws {TaskError} BACKEND when the folder could not be read; one that is not there is empty. */
  #list(): Promise<string[]> {
    const list = async (): Promise<string[]> => {
      try {
        return await readdir(this.#path);
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return [];
        throw error;
      }
    };
    return filing('The folder for files could not be read', list());
  }
}
