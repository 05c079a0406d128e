import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Context } from 'koa';
import type { ImportFormat } from '../imports/import-record.js';
import type { ImportRuns } from '../imports/import-runs.js';
import { TaskError } from '../task/errors.js';
import type { BodyPatience } from './body-patience.js';
import { BodyStream } from './body-stream.js';
import { tooLarge } from './problem.js';
import { isUnread, isUtf8Charset, readBefore } from './request-body.js';
import { RequestError, runNotFound } from './request-error.js';
import { readIdempotencyKey, readPathName, refuseQuery } from './request-values.js';
import type { RouteParts } from './route-parts.js';
import { basePath, CACHE_CONTROL, sendStarted } from './run-answer.js';
import { findRun, refuseIfClosing } from './run-routes.js';
import { whenOver } from './when-over.js';

/** What feeds the records of a file to a task, and keeps those that failed: what `importRuns` makes. */
export type ImportService = Pick<ImportRuns, 'maxBytes' | 'start' | 'failures'>;

const FORMATS: ReadonlyMap<string, ImportFormat> = new Map([
  ['text/csv', 'csv'],
  ['application/x-ndjson', 'ndjson'],
  ['application/ndjson', 'ndjson'],
  ['application/json', 'json'],
]);

/** `POST /process/{task}/import`: feeds the records of the body to a task, as one run. */
export async function startImport(ctx: Context, parts: RouteParts, imports: ImportService): Promise<void> {
  const { manager } = parts;
  refuseQuery(ctx);
  const task = readPathName(ctx, 'task');
  const format = readFormat(ctx);
  const idempotencyKey = readIdempotencyKey(ctx);
  if (!manager.hasTask(task)) throw new TaskError('TASK_UNKNOWN', 'There is no task of this name');
  refuseIfClosing(manager);
  const expectedBytes = Number(ctx.get('Content-Length'));
  if (expectedBytes > imports.maxBytes) throw tooLarge(imports.maxBytes);
  const body = bodyOf(ctx, format, parts);
  const request = { format, body, expectedBytes, ...(idempotencyKey !== undefined && { idempotencyKey }) };
  const handle = await imports.start(task, request).finally(() => body.destroy());
  await sendStarted(ctx, handle, { parts, base: basePath(ctx, 2) });
}

/** `GET /process/{id}/failures`: one line of JSON for each item that failed. */
export async function sendFailures(
  ctx: Context,
  { manager, exposeErrors }: RouteParts,
  imports: ImportService,
): Promise<void> {
  refuseQuery(ctx);
  const run = await findRun(manager, readPathName(ctx, 'id'));
  if (run.kind !== 'import') throw new RequestError(404, 'NOT_FOUND', 'The run is no import');
  const failures = await imports.failures(run.id, { exposeErrors });
  if (failures === undefined) throw runNotFound(); // its record has gone meanwhile
  ctx.respond = false; // Koa would report every client that leaves as an error
  ctx.status = 200;
  ctx.set({ 'Content-Type': 'application/x-ndjson; charset=utf-8', 'Cache-Control': CACHE_CONTROL });
  if (ctx.method === 'HEAD') {
    failures.destroy();
    ctx.res.end();
    return;
  }
  // Whoever leaves, or whatever breaks, in the middle: the answer ends without its end, and the file is closed.
  const sent = pipeline(failures, ctx.res).catch(() => undefined);
  await Promise.race([sent, whenOver(ctx.req, ctx.res)]);
  failures.destroy();
}

function readFormat(ctx: Context): ImportFormat {
  const [type = '', ...parameters] = ctx.get('Content-Type').toLowerCase().split(';');
  const format = FORMATS.get(type.trim());
  const packed = !['', 'identity'].includes(ctx.get('Content-Encoding').trim().toLowerCase());
  if (format !== undefined && isUtf8Charset(parameters) && !packed) return format;
  const detail = 'The body must be text/csv, application/x-ndjson or application/json in UTF-8, not packed';
  throw new RequestError(415, 'UNSUPPORTED_MEDIA_TYPE', detail);
}

/**
 * The body as it comes. Where something before these routes has read it: what that has left of it, if it says all.
 *
 * @throws {RequestError} 400 where it does not: nothing would be imported, and nobody would know.
 */
function bodyOf(ctx: Context, format: ImportFormat, patience: BodyPatience): Readable {
  if (isUnread(ctx)) return new BodyStream(ctx.req, patience);
  const left: unknown = ctx.request.rawBody ?? ctx.request.body;
  if (typeof left === 'string' || Buffer.isBuffer(left)) return Readable.from([Buffer.from(left)]);
  if (format === 'json' && Array.isArray(left)) return Readable.from([Buffer.from(JSON.stringify(left))]);
  throw readBefore();
}
