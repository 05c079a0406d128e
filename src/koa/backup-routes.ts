import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type Router from '@koa/router';
import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { checkOptions, show } from '../task/checks.js';
import { systemClock } from '../timing/system-clock.js';
import { RequestError } from './request-error.js';
import { refuseQuery } from './request-values.js';
import { addRow, checkPrefix, newRows } from './rows.js';
import { CACHE_CONTROL } from './run-answer.js';

/** What {@link backupRoutes} takes. */
export interface BackupRoutesOptions {
  /** Makes a copy: `(to) => backend.backup(to)` of `sqlite(…)`. */
  readonly backup: (to: string) => Promise<{ readonly bytes: number }>;
  /** The folder that copies go to; made, for this user only, when the first one comes. */
  readonly folder: string;
  /** Default `'/backup'`. */
  readonly prefix?: string;
  /** As in `taskRoutes`. */
  readonly allowedOrigins?: readonly string[];
  /** Where answers of 500 and 503 are reported. Without one, to the application, as Koa does. */
  readonly logger?: Logger;
  /** For tests: where the time comes from. The computer's clock unless given. */
  readonly clock?: Clock;
}

/** What is left of a copy whose process was killed. */
const UNFINISHED = /^errand-\d{8}T\d{9}Z\.db\.partial$/;
const KNOWN = ['backup', 'folder', 'prefix', 'allowedOrigins', 'logger', 'clock'];

/**
 * `POST /backup`: makes a copy of what the server keeps, and answers 201 with its name, length and time when it is there.
 * The name comes from the time, and never from the caller. While one is made, another request is refused with 503. Nothing
 * removes old copies, but what a killed process has left of one goes with the next.
 *
 * @throws {TypeError|RangeError} when an option is unknown or malformed.
 */
export function backupRoutes(options: BackupRoutesOptions): Router {
  checkOptions('backupRoutes', options, KNOWN);
  const { backup, folder, logger, clock = systemClock, allowedOrigins } = options;
  if (typeof backup !== 'function') throw new TypeError(`backup must be a function; got ${show(backup)}`);
  if (typeof folder !== 'string' || folder === '') throw new TypeError(`folder must be a path; got ${show(folder)}`);
  const rows = newRows(checkPrefix(options.prefix ?? '/backup'), { logger, clock, allowedOrigins });
  const copies = new Copies({ backup, folder, clock });
  addRow(rows, '/', {
    POST: async (ctx) => {
      refuseQuery(ctx);
      const copy = await copies.make();
      ctx.status = 201;
      ctx.set('Cache-Control', CACHE_CONTROL);
      ctx.body = copy;
    },
  });
  return rows.router;
}

/** Makes one copy at a time: each takes as much room as the database. */
class Copies {
  readonly #parts: Required<Pick<BackupRoutesOptions, 'backup' | 'folder' | 'clock'>>;
  #last = 0;
  #atWork = false;

  constructor(parts: Required<Pick<BackupRoutesOptions, 'backup' | 'folder' | 'clock'>>) {
    this.#parts = parts;
  }

  /** @throws {RequestError} 503 while another one is made. @throws what `backup` throws. */
  async make(): Promise<{ file: string; bytes: number; createdAt: string }> {
    if (this.#atWork) {
      const headers = { 'Retry-After': '5' };
      throw new RequestError(503, 'UNAVAILABLE', 'Another backup is being made; try again when it is done', {
        headers,
      });
    }
    this.#atWork = true;
    try {
      return await this.#make();
    } finally {
      this.#atWork = false;
    }
  }

  async #make(): Promise<{ file: string; bytes: number; createdAt: string }> {
    const { backup, folder, clock } = this.#parts;
    // No two have the same name, whatever the clock says.
    this.#last = Math.max(Math.floor(clock.now()), this.#last + 1);
    const createdAt = new Date(this.#last).toISOString();
    const file = `errand-${createdAt.replaceAll(/[-:.]/g, '')}.db`;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) if (UNFINISHED.test(name)) await rm(join(folder, name));
    const { bytes } = await backup(join(folder, file));
    return { file, bytes, createdAt };
  }
}
