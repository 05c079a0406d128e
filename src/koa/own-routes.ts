import Router from '@koa/router';
import { show } from '../task/checks.js';
import { refuseOtherSites } from './cross-site.js';

const NO_ORIGINS: ReadonlySet<string> = new Set();

/**
 * Routes that come with tasks, as one router. Pages of other origins change nothing through them either.
 *
 * @param made a router of `@koa/router`, or an array of them
 * @throws {TypeError} when it is neither; the message begins with `what`.
 */
export function ownRoutes(what: string, made: unknown): Router {
  const own = new Router();
  own.use((ctx, next) => {
    refuseOtherSites(ctx, NO_ORIGINS);
    return next();
  });
  for (const router of Array.isArray(made) ? made : [made]) own.use(checked(what, router).routes());
  return own;
}

/** Not by its class: the application may have a copy of the package of its own. */
function checked(what: string, router: unknown): Router {
  const routes: unknown = typeof router === 'object' && router !== null ? Reflect.get(router, 'routes') : undefined;
  if (typeof routes === 'function') return router as Router;
  throw new TypeError(`${what} must give a router of @koa/router, or an array of them; got ${show(router)}`);
}
