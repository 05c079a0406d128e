import type { Context } from 'koa';
import { writeTree } from '../http-api/run-json.js';
import { toJsonValue } from '../task/json-value.js';
import { isFileResult } from '../task/file-result.js';
import { MAX_REASON_LENGTH } from '../task/checks.js';
import { TaskError } from '../task/errors.js';
import type { Run } from '../task/run.js';
import { isFinal } from '../task/status.js';
import { sendFile } from './file-answer.js';
import { parsePreferWait } from './prefer.js';
import { checkContentType } from './request-body.js';
import { badRequest, RequestError, runNotFound } from './request-error.js';
import { readPathName, readQuery, refuseQuery } from './request-values.js';
import type { RouteParts } from './route-parts.js';
import { basePath, CACHE_CONTROL, etagOf, matches, sendJson, sendRun, sendStarted } from './run-answer.js';
import { waitForEvent } from './wait.js';

/** `GET /process/{id}`: the run, or 304; with `Prefer: wait=N` once it has ended, or has changed; with `tree=1` those below it, too. */
export async function getRun(ctx: Context, parts: RouteParts): Promise<void> {
  if (asksForTree(ctx)) return getTree(ctx, parts);
  const { manager, clock, exposeErrors } = parts;
  const id = readPathName(ctx, 'id');
  const known = ctx.req.headers['if-none-match'];
  const seconds = parsePreferWait(ctx.req.headers['prefer']);
  let run = await findRun(manager, id);
  if (seconds !== undefined) {
    if (!isFinal(run.status)) run = await waitForNews(ctx, { run, known, seconds, manager, clock });
    ctx.set('Preference-Applied', `wait=${seconds}`);
  }
  const etag = etagOf(run);
  ctx.res.setHeader('ETag', etag);
  if (matches(known, etag)) {
    ctx.set('Cache-Control', CACHE_CONTROL);
    ctx.status = 304;
  } else {
    sendRun(ctx, 200, { run, clock, view: { base: basePath(ctx, 1), exposeErrors, withResult: true } });
  }
}

/** No ETag: the version of a run says nothing of those below it. */
async function getTree(ctx: Context, { manager, clock, exposeErrors }: RouteParts): Promise<void> {
  const id = readPathName(ctx, 'id');
  const seconds = parsePreferWait(ctx.req.headers['prefer']);
  if (seconds !== undefined) {
    const run = await findRun(manager, id);
    if (!isFinal(run.status)) await waitForNews(ctx, { run, known: undefined, seconds, manager, clock });
    ctx.set('Preference-Applied', `wait=${seconds}`);
  }
  const tree = await manager.tree(id);
  if (tree === undefined) throw runNotFound();
  sendJson(ctx, 200, writeTree(tree, { base: basePath(ctx, 1), exposeErrors, withResult: true }));
}

function asksForTree(ctx: Context): boolean {
  const { tree, ...unknown } = readQuery(ctx);
  if (Object.keys(unknown).length > 0) throw badRequest('The query takes tree and nothing else');
  if (tree !== undefined && tree !== '1') throw badRequest('The query value tree must be 1');
  return tree === '1';
}

interface NewsWait extends Pick<RouteParts, 'manager' | 'clock'> {
  readonly run: Run;
  readonly known: string | undefined;
  readonly seconds: number;
}

/** Waits for the end; where the client knows a version, until there is another one. */
async function waitForNews(ctx: Context, { run, known, seconds, manager, clock }: NewsWait): Promise<Run> {
  if (known !== undefined && !matches(known, etagOf(run))) return run;
  await waitForEvent(ctx, {
    seconds,
    clock,
    subscribe: ({ signal }) => manager.events({ id: run.id, signal }),
    ...(known !== undefined && { until: (event) => !('seq' in event) || event.seq !== run.version }),
  });
  return findRun(manager, run.id);
}

/** `GET /process/{id}/result`: the value alone, or the file that it is. */
export async function getResult(ctx: Context, { manager }: RouteParts): Promise<void> {
  refuseQuery(ctx);
  const run = await findRun(manager, readPathName(ctx, 'id'));
  if (run.status !== 'completed' && (run.status !== 'cancelled' || run.result === undefined)) {
    throw new RequestError(409, 'RUN_CONFLICT', `The run is ${run.status} and has no result`, {
      runStatus: run.status,
    });
  }
  if (isFileResult(run.result)) {
    await sendFile(ctx, manager.handle(run.id));
    return;
  }
  const result = toJsonValue(run.result);
  if (!result.ok) {
    throw new RequestError(409, 'RESULT_INVALID', `JSON cannot express the result: ${result.reason}`, {
      runStatus: run.status,
    });
  }
  ctx.set('X-Content-Type-Options', 'nosniff');
  sendJson(ctx, 200, JSON.stringify(result.value));
}

/** `DELETE /process/{id}`: cancels; with `Prefer: wait=N` waits until it has ended. */
export async function cancelRun(ctx: Context, { manager, clock, exposeErrors }: RouteParts): Promise<void> {
  const id = readPathName(ctx, 'id');
  const reason = readReason(ctx);
  let run = await manager.cancel(id, reason === undefined ? { by: 'http' } : { by: 'http', reason });
  if (run === undefined) throw runNotFound();
  if (run.status === 'completed' || run.status === 'failed') {
    throw new RequestError(409, 'RUN_CONFLICT', `The run is ${run.status} already`, { runStatus: run.status });
  }
  const seconds = parsePreferWait(ctx.req.headers['prefer']);
  if (seconds !== undefined) {
    const cancelled = run;
    if (!isFinal(run.status)) {
      await waitForEvent(ctx, { seconds, clock, subscribe: ({ signal }) => manager.events({ id, signal }) });
    }
    run = (await manager.get(id)) ?? cancelled;
    ctx.set('Preference-Applied', `wait=${seconds}`);
  }
  const status = isFinal(run.status) ? 200 : 202;
  sendRun(ctx, status, { run, clock, view: { base: basePath(ctx, 1), exposeErrors, withResult: true } });
}

/** `POST /process/{id}/redrive`: starts a failed run anew, as another run. */
export async function redriveRun(ctx: Context, parts: RouteParts): Promise<void> {
  refuseQuery(ctx);
  const type = ctx.get('Content-Type');
  if (type !== '') checkContentType(type); // it takes no body; a form of another site must not get through
  refuseIfClosing(parts.manager);
  const { id, status } = await findRun(parts.manager, readPathName(ctx, 'id'));
  if (status !== 'failed') {
    throw new RequestError(409, 'RUN_CONFLICT', 'Only a failed run of a task can be redriven', { runStatus: status });
  }
  const handle = await parts.manager.redrive(id);
  await sendStarted(ctx, handle, { parts, base: basePath(ctx, 2) });
}

/** @throws {TaskError} MANAGER_CLOSED from the close of the manager on: whatever is asked for, nothing new begins. */
export function refuseIfClosing({ closing }: RouteParts['manager']): void {
  if (closing) throw new TaskError('MANAGER_CLOSED', 'The server is shutting down');
}

/** @throws {RequestError} 404 when there is no such run. */
export async function findRun(manager: RouteParts['manager'], id: string): Promise<Run> {
  const run = await manager.get(id);
  if (run === undefined) throw runNotFound();
  return run;
}

function readReason(ctx: Context): string | undefined {
  const { reason, ...unknown } = readQuery(ctx);
  if (Object.keys(unknown).length > 0) throw badRequest('The query takes reason and nothing else');
  if (typeof reason !== 'string') return undefined;
  if (reason.length > MAX_REASON_LENGTH) throw badRequest(`The reason must be at most ${MAX_REASON_LENGTH} characters`);
  return reason;
}
