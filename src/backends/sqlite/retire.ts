import type { SqliteParts } from './sqlite-parts.js';

/** How long a manager that closes waits for the disk, before it goes on to the last try. */
const RETIRE_MS = 50;

/**
 * Waits until everything is in the file. What cannot be written now, or not soon, is tried again at the close: a disk that
 * does not answer must not keep a manager from closing.
 *
 * @returns how many runs wait.
 */
export async function retire({ environment, journal, life }: SqliteParts): Promise<number> {
  await new Promise<void>((resolve) => {
    const timer = environment.clock.after(RETIRE_MS, resolve);
    const done = (): void => {
      timer.cancel();
      resolve();
    };
    journal.committed().then(done, done);
  });
  return life.waiting;
}
