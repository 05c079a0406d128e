import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Who has a database file open, for people: the lock on the file itself decides. */
export interface Owner {
  readonly pid: number;
  readonly host: string;
  /** When it opened the file, ISO 8601. */
  readonly since: string;
}

/**
 * The note beside a database file that names the process that has it open. A killed process leaves its note behind,
 * and its number may be another's by now; so the note is believed only while the file is locked.
 */
export class OwnerNote {
  readonly #path: string;

  constructor(file: string) {
    this.#path = `${file}.owner`;
  }

  /** Writes this process down. A folder that takes no note does no harm: only the message of others gets poorer. */
  write(now: number): void {
    const owner: Owner = { pid: process.pid, host: hostname(), since: new Date(now).toISOString() };
    try {
      writeFileSync(this.#path, JSON.stringify(owner), { mode: 0o600 });
    } catch {
      // nobody is named
    }
  }

  read(): Owner | undefined {
    try {
      const { pid, host, since } = JSON.parse(readFileSync(this.#path, 'utf8')) as Partial<Record<string, unknown>>;
      if (Number.isSafeInteger(pid) && typeof host === 'string' && typeof since === 'string')
        return { pid: Number(pid), host, since };
    } catch {
      // there is none, or half of one
    }
    return undefined;
  }

  remove(): void {
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // the next owner writes over it
    }
  }
}

/** Whether a process of this number lives on this machine: another one may have got it since. */
export function mayLive(owner: Owner): boolean {
  if (owner.host !== hostname()) return true;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return Reflect.get(Object(error), 'code') === 'EPERM';
  }
}
