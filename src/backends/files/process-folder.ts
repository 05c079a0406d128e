import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../timing/system-clock.js';
import { systemCode } from './file-errors.js';

/** `<pid>.<start mark>.<8 random digits>`: whose folder it is, told from an earlier process of the same pid. */
const OWNED = /^(\d{1,10})\.(\d{1,20})\.[0-9a-f]{8}$/;

/** A new name for a folder that belongs to this process. */
export function processFolderName(): string {
  const mark = startMark(process.pid) ?? String(Math.round(systemClock.now() - process.uptime() * 1_000));
  return `${process.pid}.${mark}.${randomBytes(4).toString('hex')}`;
}

/**
 * Removes the folders that processes which no longer exist have left in `parent`. Anything that
 * {@link processFolderName} does not name is left alone, and so is what cannot be removed: somebody else may be at it.
 *
 * Processes are told by pid and start, so they must see each other: containers that share a folder need a pid
 * namespace in common, or a folder each.
 */
export async function removeDeadFolders(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const [, pid, mark] = OWNED.exec(name) ?? [];
    if (pid === undefined || mark === undefined || isAlive(Number(pid), mark)) continue;
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number, mark: string): boolean {
  const now = startMark(pid);
  if (now !== null) return now === mark;
  try {
    process.kill(pid, 0); // signal 0 only asks
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH'; // EPERM: it lives and is somebody else's
  }
}

/** When a process began, in clock ticks since the computer did; null where `/proc` does not tell. */
function startMark(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses and may hold anything; the start is the 22nd.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
