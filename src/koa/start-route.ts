import type { Context } from 'koa';
import { parseStartRequest, type StartRequest } from '../http-api/start-request.js';
import { parsePreferWait } from './prefer.js';
import { readJsonBody } from './request-body.js';
import { RequestError } from './request-error.js';
import { readIdempotencyKey, refuseQuery } from './request-values.js';
import type { RouteParts } from './route-parts.js';
import { sendStarted } from './run-answer.js';
import { waitForEvent } from './wait.js';

/** `POST /process`: starts a run of a task; with `Prefer: wait=N` waits for its end. */
export async function startRun(ctx: Context, parts: RouteParts): Promise<void> {
  const { manager, clock } = parts;
  refuseQuery(ctx);
  const idempotencyKey = readIdempotencyKey(ctx);
  const { task, input, ...options } = checkStart(await readJsonBody(ctx));
  const handle = await manager.startNamed(
    task,
    input,
    idempotencyKey === undefined ? options : { ...options, idempotencyKey },
  );
  const seconds = parsePreferWait(ctx.req.headers['prefer']);
  if (seconds !== undefined) {
    await waitForEvent(ctx, { seconds, clock, subscribe: (wait) => handle.events(wait) });
    ctx.set('Preference-Applied', `wait=${seconds}`);
  }
  await sendStarted(ctx, handle, { parts, segments: 0, waited: seconds !== undefined });
}

function checkStart(body: unknown): StartRequest {
  const parsed = parseStartRequest(body);
  if (parsed.ok) return parsed.request;
  throw new RequestError(422, 'REQUEST_INVALID', 'The body is no request to start a run', { errors: parsed.errors });
}
