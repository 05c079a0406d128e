import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { TaskError } from '../../task/errors.js';
import { filing, systemCode } from './file-errors.js';

/** The file that says whose files are beside it: the first process of a store makes it, all others find it. */
const MARK = 'store';

/** What no run names is left alone for so long, in milliseconds: another process may be about to start its run. */
export const LEFT_ALONE_MS = 24 * 3_600_000;

/**
 * Makes sure of a folder that the processes of a fleet share, as far as one of them can: it has their store's mark, or no
 * file of theirs exists that it ought to have.
 *
 * @param inUse the names of files that runs of the store name.
 * @throws {TaskError} BACKEND when it is another folder, or cannot be used.
 */
export async function joinSharedFolder(path: string, storeId: string, inUse: ReadonlySet<string>): Promise<void> {
  const mark = await filing('The folder for files could not be read', readMark(path));
  if (mark === storeId) return;
  if (mark !== undefined || inUse.size > 0) throw otherFolder(storeId);
  await filing('The folder for files could not be marked', writeMark(path, storeId));
}

/** Nobody has named the folder. */
export function unchosenFolder(): TaskError {
  return new TaskError(
    'BACKEND',
    'Imports and file results of a fleet need a folder that all of its processes see, and none was named: set ERRAND_DATA to one, the same in each process, or give the manager files that are there',
    { details: { reason: 'NOT_SHARED' } },
  );
}

function otherFolder(storeId: string): TaskError {
  return new TaskError(
    'BACKEND',
    'The folder for files is not the one that the other processes of this fleet use, for the files of their runs are not in it: set ERRAND_DATA to the same folder in each process, on a network file system where they are on several machines',
    { details: { reason: 'NOT_SHARED', storeId } },
  );
}

async function readMark(path: string): Promise<string | undefined> {
  try {
    return (await readFile(join(path, MARK), 'utf8')).trim();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole or not at all: others may look for it at the same time, or write the same. */
async function writeMark(path: string, storeId: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const written = join(path, `${MARK}.${randomBytes(4).toString('hex')}`);
  const handle = await open(written, 'wx', 0o600);
  try {
    await handle.writeFile(`${storeId}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(written, join(path, MARK));
}
