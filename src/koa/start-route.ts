import type { Context } from 'koa';
import { isPlainStart, parseStartRequest, type StartRequest } from '../http-api/start-request.js';
import type { RunHandle } from '../manager/run-handle.js';
import { parsePreferWait } from './prefer.js';
import { readJsonBody } from './request-body.js';
import { RequestError } from './request-error.js';
import { readIdempotencyKey, refuseQuery } from './request-values.js';
import type { RouteParts } from './route-parts.js';
import { basePath, sendStarted } from './run-answer.js';
import type { TaskService } from './task-service.js';
import { waitForEvent } from './wait.js';

/** `POST /process`: starts a run of a task; with `Prefer: wait=N` waits for its end. */
export async function startRun(ctx: Context, parts: RouteParts): Promise<void> {
  const { manager, clock } = parts;
  refuseQuery(ctx);
  const idempotencyKey = readIdempotencyKey(ctx);
  const request = checkStart(await readJsonBody(ctx, parts));
  const handle = await start(manager, request, idempotencyKey);
  const seconds = parsePreferWait(ctx.req.headers['prefer']);
  if (seconds !== undefined) {
    await waitForEvent(ctx, { seconds, clock, subscribe: (wait) => handle.events(wait) });
    ctx.set('Preference-Applied', `wait=${seconds}`);
  }
  await sendStarted(ctx, handle, { parts, base: basePath(ctx, 0), waited: seconds !== undefined });
}

function start(manager: TaskService, request: StartRequest, key: string | undefined): Promise<RunHandle<unknown>> {
  // Most starts are so, and need not be taken apart.
  if (key === undefined && isPlainStart(request)) return manager.startNamed(request.task, request.input);
  const { task, input, ...options } = request;
  return manager.startNamed(task, input, key === undefined ? options : { ...options, idempotencyKey: key });
}

function checkStart(body: unknown): StartRequest {
  const parsed = parseStartRequest(body);
  if (parsed.ok) return parsed.request;
  throw new RequestError(422, 'REQUEST_INVALID', 'The body is no request to start a run', { errors: parsed.errors });
}
