import type { Context } from 'koa';
import { describeExpected, parseListQuery, type ListRequest } from '../http-api/list-query.js';
import { writePage } from '../http-api/run-json.js';
import type { RunPage } from '../manager/manager-options.js';
import type { Run } from '../task/run.js';
import { isFinal } from '../task/status.js';
import { AllRunsFeed } from './all-runs-feed.js';
import { sendEventHeaders, sendEvents } from './event-stream.js';
import { badRequest } from './request-error.js';
import { readPathName, readQuery, refuseQuery } from './request-values.js';
import type { RouteParts } from './route-parts.js';
import { basePath, CACHE_CONTROL, sendJson } from './run-answer.js';
import { RunFeed } from './run-feed.js';
import { findRun } from './run-routes.js';

/** `GET /process`: a page of runs, or for a client that accepts `text/event-stream` the events of all. */
export async function listRuns(ctx: Context, parts: RouteParts): Promise<void> {
  ctx.vary('Accept');
  const parsed = parseListQuery(readQuery(ctx, 'status'));
  if (!parsed.ok) throw badRequest(parsed.detail);
  const lister = new Lister(parts, basePath(ctx, 0));
  if (!wantsEvents(ctx)) {
    const { json } = await lister.list(parsed.request);
    sendJson(ctx, 200, json);
  } else if (parsed.request.cursor !== undefined) {
    throw badRequest('The events of all runs begin with the newest ones: they take no cursor');
  } else if (ctx.method === 'HEAD') {
    sendEventHeaders(ctx);
  } else {
    const list = (request: ListRequest): ReturnType<Lister['list']> => lister.list(request);
    sendEvents(ctx, new AllRunsFeed({ watch: parts.allRuns, request: parsed.request, list }), parts.clock);
  }
}

/** `GET /process/{id}/events`: what happens to one run, until it has ended. */
export async function watchRun(ctx: Context, { manager, clock, exposeErrors, watches }: RouteParts): Promise<void> {
  refuseQuery(ctx);
  const id = readPathName(ctx, 'id');
  const run = await findRun(manager, id);
  if (hasSeenDone(ctx.get('Last-Event-ID'), run)) {
    ctx.set('Cache-Control', CACHE_CONTROL);
    ctx.status = 204; // it has seen `done`: a browser stops coming back
  } else if (ctx.method === 'HEAD') {
    sendEventHeaders(ctx);
  } else {
    const view = { base: basePath(ctx, 2), exposeErrors, withResult: true };
    sendEvents(ctx, new RunFeed({ id, watch: watches.acquire(run), watches, manager, view }), clock);
  }
}

/** The id of `done` is the version of the run as it ended. A redrive makes that one more, once, and tells nobody. */
function hasSeenDone(lastEventId: string, { status, version, redrivenBy }: Run): boolean {
  if (!isFinal(status)) return false;
  return lastEventId === String(version) || (redrivenBy !== null && lastEventId === String(version - 1));
}

class Lister {
  readonly #parts: RouteParts;
  readonly #base: string;

  constructor(parts: RouteParts, base: string) {
    this.#parts = parts;
    this.#base = base;
  }

  /** @throws {RequestError} 400 for a cursor that no page has given. */
  async list(request: ListRequest): Promise<{ page: RunPage; json: string }> {
    const page = await this.#page(request);
    return {
      page,
      json: writePage(page, { base: this.#base, exposeErrors: this.#parts.exposeErrors, withResult: false }),
    };
  }

  async #page(request: ListRequest): Promise<RunPage> {
    try {
      return await this.#parts.manager.list(request);
    } catch (error) {
      // Everything else in the request was checked.
      if (error instanceof Error && error.name === 'RangeError') throw badRequest(describeExpected('cursor'));
      throw error;
    }
  }
}

/** Only where the client names it, and likes it at least as well as JSON. */
function wantsEvents(ctx: Context): boolean {
  const accept = ctx.get('Accept');
  return (
    accept.includes('event-stream') && ctx.accepts('application/json', 'text/event-stream') === 'text/event-stream'
  );
}
