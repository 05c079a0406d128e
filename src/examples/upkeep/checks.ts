import { statfs } from 'node:fs/promises';
import { getHeapStatistics } from 'node:v8';
import { MailSession } from '../mail/mail-session.js';
import { readMailSettings } from '../mail/mail-settings.js';
import type { Check } from './health-check.js';

const MIB = 1_048_576;

/** That a folder's disk has room for more than `leastMib` mebibytes. */
export function diskHasRoom(folder: string, leastMib = 100): Check {
  return async () => {
    // The message of an error of the file system would show the folder.
    const { bavail, bsize } = await statfs(folder).catch(() =>
      Promise.reject(new Error('the folder cannot be looked at')),
    );
    const freeMib = Math.floor((bavail * bsize) / MIB);
    if (freeMib < leastMib) throw new Error(`${freeMib} MiB free, ${leastMib} are needed`);
    return `${freeMib} MiB free`;
  };
}

/** That less than nine tenths of the heap are in use. */
export function heapHasRoom(): Check {
  return () => {
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
    const text = `${Math.floor(used / MIB)} of ${Math.floor(limit / MIB)} MiB in use`;
    if (used > 0.9 * limit) throw new Error(text);
    return text;
  };
}

/** That the mail server of `SMTP_URL` answers and lets us in; without one there is nothing to check. */
export function mailServerAnswers(env: NodeJS.ProcessEnv): Check {
  return async (signal) => {
    if (!env['SMTP_URL']) return 'not set up';
    const session = new MailSession(readMailSettings(env));
    try {
      await session.check(signal);
      return 'answers';
    } finally {
      session.close();
    }
  };
}
