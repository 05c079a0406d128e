import { readdir, readlink } from 'node:fs/promises';

/** Which files inside `folder` this process holds open. Nothing where the system does not tell (only Linux does). */
export async function openFiles(folder: string): Promise<string[]> {
  const handles = await readdir('/proc/self/fd').catch(() => []);
  const targets = await Promise.all(handles.map((handle) => readlink(`/proc/self/fd/${handle}`).catch(() => '')));
  return targets.filter((target) => target.startsWith(folder));
}
