import { METHODS } from 'node:http';
import Router from '@koa/router';
import type { Context } from 'koa';
import { show } from '../task/checks.js';
import { checkOrigins, refuseOtherSites } from './cross-site.js';
import { sendProblem, type ProblemTools } from './problem.js';
import { RequestError } from './request-error.js';

/** Answers one method of a path. */
export type Handler = (ctx: Context) => void | Promise<void>;

/** What every path is registered with. */
export interface Rows {
  readonly router: Router;
  readonly tools: ProblemTools;
  readonly allowedOrigins: ReadonlySet<string>;
}

/** What the options of all our routers say of rows. */
export interface RowOptions extends ProblemTools {
  readonly allowedOrigins: readonly string[] | undefined;
}

/**
 * A router without rows yet, under a prefix that was checked.
 *
 * @throws {TypeError|RangeError} when an origin is malformed.
 */
export function newRows(prefix: string, { logger, clock, allowedOrigins = [] }: RowOptions): Rows {
  return { router: new Router({ prefix }), tools: { logger, clock }, allowedOrigins: checkOrigins(allowedOrigins) };
}

/** Registers a path for all methods, as one layer: the router tries every layer on every request. */
export function addRow(
  { router, tools, allowedOrigins }: Rows,
  path: string,
  handlers: Readonly<Record<string, Handler>>,
): void {
  const methods = [...Object.keys(handlers), ...('GET' in handlers ? ['HEAD'] : []), 'OPTIONS'];
  const allow = methods.sort().join(', ');
  const byMethod = new Map(Object.entries({ ...handlers, ...(handlers['GET'] && { HEAD: handlers['GET'] }) }));
  byMethod.set('OPTIONS', (ctx) => {
    ctx.status = 204;
    ctx.set('Allow', allow);
  });
  router.register(path, METHODS, async (ctx: Context) => {
    if (isTooLate(ctx)) return;
    try {
      refuseOtherSites(ctx, allowedOrigins);
      await (byMethod.get(ctx.method) ?? refuseMethod(allow))(ctx);
    } catch (error) {
      sendProblem(ctx, error, tools);
    }
  });
}

/** Behind an answer that has ended the connection nothing may be done any more: its client could never know. */
function isTooLate(ctx: Context): boolean {
  if (!ctx.req.socket.writableEnded) return false;
  ctx.respond = false;
  return true;
}

function refuseMethod(allow: string): never {
  throw new RequestError(405, 'METHOD_NOT_ALLOWED', `This path takes ${allow}`, { headers: { Allow: allow } });
}

/**
 * @throws {TypeError} when the prefix is no string.
 * @throws {RangeError} when it is neither empty nor a path that begins with a slash; `what` says whose.
 */
export function checkPrefix(prefix: unknown, what = 'prefix'): string {
  if (typeof prefix !== 'string') throw new TypeError(`${what} must be a string; got ${show(prefix)}`);
  const trimmed = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  if (trimmed === '' || (trimmed.startsWith('/') && !trimmed.includes('//'))) return trimmed;
  throw new RangeError(`${what} must be empty or a path that begins with a slash; got ${show(prefix)}`);
}
