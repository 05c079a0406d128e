import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import { Stream } from 'node:stream';
import type { Context, Middleware } from 'koa';
import type { ManagerCore } from '../manager/manager-core.js';
import { managerCore, type TaskManager } from '../manager/task-manager.js';
import { checkOptions, show } from '../task/checks.js';
import { type Background, BackgroundList } from './background-list.js';
import { checkFlag } from './background-options.js';
import { isOver, whenOver } from './when-over.js';

/** What {@link backgroundTasks} takes. */
export interface BackgroundTasksOptions {
  /** Whose runs follow the responses. */
  readonly manager: TaskManager;
  /** Whether what is added begins without waiting for what was added before, unless it says otherwise. Default false. */
  readonly parallel?: boolean;
}

/** The list of the request that is being handled. */
const current = new AsyncLocalStorage<Background | undefined>();
const lists = new WeakMap<IncomingMessage, { readonly core: ManagerCore; readonly list: Background }>();

/**
 * Gives every request a list of what is to run after its response: see {@link background}. Mount it once, before the
 * routes. The list begins when the middleware below has ended and the response has been sent, or the client has left.
 *
 * @throws {TypeError} when an option is unknown or of the wrong type.
 */
export function backgroundTasks(options: BackgroundTasksOptions): Middleware {
  checkOptions('backgroundTasks', options, ['manager', 'parallel']);
  const parallel = checkFlag('parallel', options.parallel ?? false);
  const core = managerCore(options.manager);
  // A handler is at work for its run, not for the request in whose turn it happened to begin.
  core.enterHandlersBy((begin) => current.run(undefined, begin));
  return async (ctx, next) => {
    if (isMounted(ctx, core)) {
      await next();
      return;
    }
    // Not ctx.path: Koa throws at targets that are no path and no URL.
    const request = { method: ctx.method, path: ctx.req.url?.split('?', 1)[0] ?? '' };
    const list = new BackgroundList({ core, current, parallel, request });
    lists.set(ctx.req, { core, list });
    await whileCollecting(ctx, list, () => current.run(list, next));
  };
}

/**
 * What is to run after the response of this request.
 *
 * @param ctx may be left out in whatever is called, however deep, while the request is handled, and in functions of the list.
 * @throws {Error} when there is no request, or `backgroundTasks` is not mounted before this route.
 */
export function background(ctx?: Pick<Context, 'req'>): Background {
  if (ctx !== undefined) {
    const found = lists.get(ctx.req);
    if (found !== undefined) return found.list;
    throw new Error('There is no list for this request: mount backgroundTasks({ manager }) before the routes');
  }
  const list = current.getStore();
  if (list !== undefined) return list;
  throw new Error(
    'No request is being handled here below backgroundTasks({ manager }): pass the ctx of one, or, in a handler, start a run with the manager',
  );
}

/**
 * Makes of what adds to a list something that reads like what it does:
 *
 * ```ts
 * const auditor = backgroundAction((list, action: string, id: string) => list.add(writeAudit, { action, id }));
 * const audit = auditor(ctx);
 * audit('user.deleted', id);
 * ```
 *
 * @param act adds to the list, once or several times
 * @returns finds the list of a request, as {@link background} does, and gives what adds to it.
 */
export function backgroundAction<Arguments extends readonly unknown[]>(
  act: (list: Background, ...args: Arguments) => void,
): (ctx?: Pick<Context, 'req'>) => (...args: Arguments) => void {
  if (typeof act !== 'function')
    throw new TypeError(`backgroundAction takes a function (list, …) => …; got ${show(act)}`);
  return (ctx) => {
    const list = background(ctx);
    return (...args) => act(list, ...args);
  };
}

/** @throws {Error} when the list of this request is another manager's. */
function isMounted(ctx: Context, core: ManagerCore): boolean {
  const found = lists.get(ctx.req);
  if (found === undefined) return false;
  if (found.core === core) return true;
  throw new Error('backgroundTasks() is mounted for two managers, and background(ctx) could not tell which is meant');
}

async function whileCollecting(ctx: Context, list: BackgroundList, next: () => Promise<unknown>): Promise<void> {
  const over = whenOver(ctx.req, ctx.res);
  let failed = false;
  try {
    await next();
    // Once it is over, a body breaks off only because the client has left.
    if (ctx.body instanceof Stream) ctx.body.once('error', () => (failed ||= !isOver(ctx.res)));
  } catch (error) {
    failed = true;
    throw error;
  } finally {
    void over.then(() => list.begin(failed || hasFailed(ctx)));
  }
}

/** What answers by itself may have been left before it said anything: nobody knows what it would have been. */
function hasFailed({ res, respond }: Context): boolean {
  return (res.headersSent || respond !== false) && res.statusCode >= 400;
}
