import type Router from '@koa/router';
import Koa, { type Context, type Next } from 'koa';
import type { Logger } from '../ports/logger.js';
import { checkOptions } from '../task/checks.js';
import { systemClock } from '../timing/system-clock.js';
import { sendProblem } from './problem.js';
import { answerHealth, Readiness, type ReadyManager } from './health.js';
import { badRequest, RequestError } from './request-error.js';

/** What {@link createApp} takes. */
export interface CreateAppOptions {
  /** What the server offers, asked in this order. */
  readonly routers: readonly Router[];
  /** `/readyz` says 503 while it closes, and while what its runs are kept in cannot be reached. */
  readonly manager?: ReadyManager;
  /** Where everything that goes wrong on the server is reported. */
  readonly logger: Logger;
}

/**
 * The whole server as a Koa application: every error a problem, `/healthz`, `/readyz`, then the routers. It does not
 * listen: make a server of `app.callback()`, with the limits on time that suit it.
 *
 * @throws {TypeError} when an option is unknown.
 */
export function createApp(options: CreateAppOptions): Koa {
  checkOptions('createApp', options, ['routers', 'manager', 'logger']);
  const { routers, manager, logger } = options;
  const app = new Koa();
  app.on('error', (error: unknown) => reportConnection(error, logger));
  app.use((ctx, next) => answerEverything(ctx, next, logger));
  const readiness = new Readiness(manager, { clock: systemClock, logger });
  app.use((ctx, next) => answerHealth(ctx, next, readiness));
  for (const router of routers) app.use(router.routes());
  return app;
}

/** Nothing that is thrown, not even null, and nothing that is left unanswered goes without a problem. */
async function answerEverything(ctx: Context, next: Next, logger: Logger): Promise<void> {
  try {
    if (!hasPath(ctx)) throw badRequest('The target of the request is no path and no URL');
    await next();
    if (ctx.respond === false || ctx.status < 400 || (ctx.body !== undefined && ctx.body !== null)) return;
    const unanswered = ctx.status === 404;
    throw unanswered
      ? new RequestError(404, 'NOT_FOUND', 'There is nothing at this path')
      : new RequestError(ctx.status, 'HTTP_ERROR', ctx.message);
  } catch (error) {
    sendProblem(ctx, error, { clock: systemClock, logger });
  }
}

/** Koa looks for the path each time it is asked for it, and throws where the target is neither `/…` nor a URL. */
function hasPath(ctx: Context): boolean {
  const { url = '' } = ctx.req;
  if (url.startsWith('/') || url === '*') return true;
  try {
    return URL.canParse(url) && typeof ctx.path === 'string';
  } catch {
    return false;
  }
}

const LEFT: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE'];

/** What Koa reports by itself: connections and streams that broke. That clients leave is nothing to worry about. */
function reportConnection(error: unknown, logger: Logger): void {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  const left = LEFT.includes(code) || (typeof code === 'string' && code.startsWith('HPE_'));
  logger[left ? 'debug' : 'error']({ err: error }, 'a connection failed');
}
