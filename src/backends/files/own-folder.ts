import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileOwner } from '../../ports/files.js';
import { show } from '../../task/checks.js';
import { filing, systemCode } from './file-errors.js';
import { processFolderName, removeDeadFolders } from './process-folder.js';
import { joinSharedFolder, removeOldFiles, unchosenFolder } from './shared-folder.js';

const STORE_ID = /^[0-9a-z][0-9a-z-]{0,63}$/;

/** Where the files of one store are: a folder of this process, which goes with it, or one that has a store's name. */
export class OwnFolder {
  readonly #parent: string;
  readonly #mayBeShared: boolean;
  #path: string;
  #lasts = false;
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
    this.#made = true;
    if (shared) await removeOldFiles(path, inUse);
    else await this.#removeOthers(inUse);
  }

  async #removeOthers(inUse: ReadonlySet<string>): Promise<void> {
    for (const name of await filing('The folder for files could not be read', this.#list())) {
      if (!inUse.has(name)) await rm(this.pathOf(name), { force: true }).catch(() => undefined);
    }
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

  async #list(): Promise<string[]> {
    try {
      return await readdir(this.#path);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return [];
      throw error;
    }
  }
}
