import type Router from '@koa/router';
import { defaultImports } from '../imports/default-imports.js';
import type { TaskManager } from '../manager/task-manager.js';
import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { checkOptions } from '../task/checks.js';
import { systemClock } from '../timing/system-clock.js';
import { AllRunsWatch } from './all-runs-feed.js';
import { checkBodyTimeout } from './body-patience.js';
import { sendFailures, startImport, type ImportService } from './import-routes.js';
import { listRuns, watchRun } from './list-routes.js';
import type { RouteParts } from './route-parts.js';
import { addRow, checkPrefix, newRows } from './rows.js';
import { cancelRun, getResult, getRun, redriveRun } from './run-routes.js';
import { RunWatches } from './run-watches.js';
import { startRun } from './start-route.js';

/** What {@link taskRoutes} takes. */
export interface TaskRoutesOptions {
  readonly manager: TaskManager;
  /** Where the rows begin: empty, or a path that begins with a slash. Default `'/process'`. */
  readonly prefix?: string;
  /** Whether messages of errors that were not written for callers are shown. Default false. */
  readonly exposeErrors?: boolean;
  /**
   * What imports are made of: `importRuns(…)`, or `false` to leave their rows out. Unless given, files go to the folder
   * `files` under `ERRAND_DATA` (default `data`), which is made when the first body comes.
   */
  readonly imports?: ImportService | false;
  /**
   * Which origins' pages may start and change things beside those of the server's own, as browsers write them:
   * `['https://admin.example']`. Other pages are answered with 403 unless they just read. None unless given. To let
   * pages of other origins read the answers takes CORS headers too: of a middleware before these routes.
   */
  readonly allowedOrigins?: readonly string[];
  /**
   * How long nothing of a body may come, in milliseconds, or `Infinity`: then its client is answered with 408, and cut
   * off. A client that is slow but goes on may take any time, as far as the server's `requestTimeout` lets it.
   * Default 30 000.
   */
  readonly bodyTimeoutMs?: number;
  /** Where answers of 500 are reported. Without one, to the application, as Koa does. */
  readonly logger?: Logger;
  /** For tests: where every time and timer comes from. The computer's clock unless given. */
  readonly clock?: Clock;
}

const KNOWN = ['manager', 'prefix', 'exposeErrors', 'imports', 'allowedOrigins', 'bodyTimeoutMs', 'logger', 'clock'];

/**
 * The routes that start, show, watch and cancel runs: mount them in any Koa application, at the top, under a mount
 * path or in another router; a body parser may come before them. Their errors are `application/problem+json` whatever
 * the application does with errors. What is not theirs goes on to the next middleware, untouched.
 *
 * @throws {TypeError|RangeError} when an option is unknown or malformed.
 */
export function taskRoutes(options: TaskRoutesOptions): Router {
  checkOptions('taskRoutes', options, KNOWN);
  const { manager, exposeErrors = false, logger, clock = systemClock } = options;
  const imports = options.imports ?? defaultImports(manager);
  const watches = new RunWatches({ manager, clock, exposeErrors });
  const allRuns = new AllRunsWatch({ manager, clock, exposeErrors });
  const bodyTimeoutMs = checkBodyTimeout(options.bodyTimeoutMs);
  const parts: RouteParts = { manager, clock, exposeErrors, logger, watches, allRuns, bodyTimeoutMs };
  const { allowedOrigins } = options;
  const rows = newRows(checkPrefix(options.prefix ?? '/process'), { logger, clock, allowedOrigins });

  addRow(rows, '/', { POST: (ctx) => startRun(ctx, parts), GET: (ctx) => listRuns(ctx, parts) });
  addRow(rows, '/:id', { GET: (ctx) => getRun(ctx, parts), DELETE: (ctx) => cancelRun(ctx, parts) });
  addRow(rows, '/:id/events', { GET: (ctx) => watchRun(ctx, parts) });
  addRow(rows, '/:id/result', { GET: (ctx) => getResult(ctx, parts) });
  addRow(rows, '/:id/redrive', { POST: (ctx) => redriveRun(ctx, parts) });
  if (imports !== false) {
    addRow(rows, '/:task/import', { POST: (ctx) => startImport(ctx, parts, imports) });
    addRow(rows, '/:id/failures', { GET: (ctx) => sendFailures(ctx, parts, imports) });
  }
  return rows.router;
}
