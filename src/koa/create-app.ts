import type Router from '@koa/router';
import Koa, { type Context, type Next } from 'koa';
import type { TaskManager } from '../manager/task-manager.js';
import type { Logger } from '../ports/logger.js';
import { checkOptions } from '../task/checks.js';
import { sendProblem } from './problem.js';
import { RequestError } from './request-error.js';

/** What {@link createApp} takes. */
export interface CreateAppOptions {
  /** What the server offers, asked in this order. */
  readonly routers: readonly Router[];
  /** While it closes, `/readyz` says 503. */
  readonly manager?: Pick<TaskManager, 'closing'>;
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
  app.use((ctx, next) => answerHealth(ctx, next, manager));
  for (const router of routers) app.use(router.routes());
  return app;
}

/** Nothing that is thrown, not even null, and nothing that is left unanswered goes without a problem. */
async function answerEverything(ctx: Context, next: Next, logger: Logger): Promise<void> {
  try {
    await next();
    if (ctx.respond === false || ctx.status < 400 || (ctx.body !== undefined && ctx.body !== null)) return;
    const unanswered = ctx.status === 404;
    throw unanswered
      ? new RequestError(404, 'NOT_FOUND', 'There is nothing at this path')
      : new RequestError(ctx.status, 'HTTP_ERROR', ctx.message);
  } catch (error) {
    sendProblem(ctx, error, logger);
  }
}

async function answerHealth(ctx: Context, next: Next, manager: CreateAppOptions['manager']): Promise<void> {
  if (ctx.path !== '/healthz' && ctx.path !== '/readyz') {
    await next();
    return;
  }
  if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
    throw new RequestError(405, 'METHOD_NOT_ALLOWED', 'This path takes GET, HEAD', { headers: { Allow: 'GET, HEAD' } });
  }
  ctx.set('Cache-Control', 'no-store');
  if (ctx.path === '/readyz' && manager?.closing === true) {
    throw new RequestError(503, 'UNAVAILABLE', 'The server is shutting down', { headers: { 'Retry-After': '1' } });
  }
  ctx.body = { status: 'ok' };
}

const LEFT: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE'];

/** What Koa reports by itself: connections and streams that broke. That clients leave is nothing to worry about. */
function reportConnection(error: unknown, logger: Logger): void {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  const left = LEFT.includes(code) || (typeof code === 'string' && code.startsWith('HPE_'));
  logger[left ? 'debug' : 'error']({ err: error }, 'a connection failed');
}
