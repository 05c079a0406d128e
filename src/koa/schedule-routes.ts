import type Router from '@koa/router';
import type { Context } from 'koa';
import { parsePreviewQuery, parseScheduleListQuery } from '../http-api/schedule-query.js';
import { toScheduleResource, type ScheduleView } from '../http-api/schedule-resource.js';
import { toIso } from '../http-api/run-resource.js';
import type { TaskManager } from '../manager/task-manager.js';
import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { MAX_SCHEDULE_ID_LENGTH } from '../schedule/due-run.js';
import { checkOptions } from '../task/checks.js';
import type { Schedule } from '../task/schedule.js';
import { systemClock } from '../timing/system-clock.js';
import { checkBodyTimeout } from './body-patience.js';
import { checkContentType } from './request-body.js';
import { badRequest, RequestError } from './request-error.js';
import { readIdempotencyKey, readPathName, readQuery, refuseQuery } from './request-values.js';
import { addRow, checkPrefix, newRows } from './rows.js';
import { basePath, CACHE_CONTROL, sendJson, sendStarted } from './run-answer.js';
import { readDefinition } from './schedule-body.js';

/** What {@link scheduleRoutes} takes. */
export interface ScheduleRoutesOptions {
  readonly manager: Pick<TaskManager, 'schedules'>;
  /** Where the rows begin: empty, or a path that begins with a slash. Default `'/schedules'`. */
  readonly prefix?: string;
  /** Where the rows of `taskRoutes` begin, which links to runs lead to. Default `'/process'`. */
  readonly runsPrefix?: string;
  /** Whether messages of errors that were not written for callers are shown. Default false. */
  readonly exposeErrors?: boolean;
  /** Which origins' pages may change things beside those of the server's own: as for `taskRoutes`. None unless given. */
  readonly allowedOrigins?: readonly string[];
  /** How long nothing of a body may come, in milliseconds, or `Infinity`: as for `taskRoutes`. Default 30 000. */
  readonly bodyTimeoutMs?: number;
  /** Where answers of 500 are reported. Without one, to the application, as Koa does. */
  readonly logger?: Logger;
  /** For tests: where every time and timer comes from. The computer's clock unless given. */
  readonly clock?: Clock;
}

const KNOWN = ['manager', 'prefix', 'runsPrefix', 'exposeErrors', 'allowedOrigins', 'bodyTimeoutMs', 'logger', 'clock'];

/**
 * The routes that show and change schedules: mount them as `taskRoutes`, and under the same path, for their links lead
 * to runs.
 *
 * @throws {TypeError|RangeError} when an option is unknown or malformed.
 */
export function scheduleRoutes(options: ScheduleRoutesOptions): Router {
  checkOptions('scheduleRoutes', options, KNOWN);
  const { manager, exposeErrors = false, logger, clock = systemClock, allowedOrigins } = options;
  const prefix = checkPrefix(options.prefix ?? '/schedules');
  const runsPrefix = checkPrefix(options.runsPrefix ?? '/process', 'runsPrefix');
  const bodyTimeoutMs = checkBodyTimeout(options.bodyTimeoutMs);
  const rows = newRows(prefix, { logger, clock, allowedOrigins });
  const at = new ScheduleRows({ manager, clock, exposeErrors, prefix, runsPrefix, bodyTimeoutMs });

  addRow(rows, '/', { GET: (ctx) => at.list(ctx) });
  addRow(rows, '/:id', { GET: (ctx) => at.get(ctx), PUT: (ctx) => at.put(ctx), DELETE: (ctx) => at.delete(ctx) });
  addRow(rows, '/:id/trigger', { POST: (ctx) => at.trigger(ctx) });
  addRow(rows, '/:id/pause', { POST: (ctx) => at.setPaused(ctx, true) });
  addRow(rows, '/:id/resume', { POST: (ctx) => at.setPaused(ctx, false) });
  addRow(rows, '/:id/preview', { GET: (ctx) => at.preview(ctx) });
  return rows.router;
}

type RowParts = Required<Omit<ScheduleRoutesOptions, 'allowedOrigins' | 'logger'>>;

/** What each row answers. */
class ScheduleRows {
  readonly #parts: RowParts;

  constructor(parts: RowParts) {
    this.#parts = parts;
  }

  /** `GET /schedules`: a page of them, by id. */
  async list(ctx: Context): Promise<void> {
    const query = parseScheduleListQuery(readQuery(ctx));
    if (typeof query === 'string') throw badRequest(query);
    const { limit, cursor = '' } = query;
    const left = (await this.#parts.manager.schedules.list()).filter(({ id }) => id > cursor);
    const page = left.slice(0, limit);
    const last = page.at(-1);
    const view = this.#view(ctx, 0);
    const items = page.map((schedule) => toScheduleResource(schedule, view));
    sendJson(ctx, 200, JSON.stringify({ items, ...(last && left.length > limit && { nextCursor: last.id }) }));
  }

  /** `GET /schedules/{id}` */
  async get(ctx: Context): Promise<void> {
    refuseQuery(ctx);
    const schedule = await this.#parts.manager.schedules.get(readId(ctx));
    if (schedule === undefined) throw new RequestError(404, 'RUN_NOT_FOUND', 'There is no schedule of this id');
    this.#send(ctx, schedule, this.#view(ctx, 1));
  }

  /** `PUT /schedules/{id}`: makes it, or puts something else in its place. */
  async put(ctx: Context): Promise<void> {
    refuseQuery(ctx);
    const id = readId(ctx);
    const schedule = await this.#parts.manager.schedules.put(id, await readDefinition(ctx, this.#parts));
    const view = this.#view(ctx, 1);
    this.#send(ctx, schedule, view);
    if (schedule.version > 1) return;
    ctx.status = 201;
    ctx.set('Location', `${view.base}/${id}`);
  }

  /** `DELETE /schedules/{id}`: its runs stay. */
  async delete(ctx: Context): Promise<void> {
    refuseQuery(ctx);
    await this.#parts.manager.schedules.delete(readId(ctx));
    ctx.set('Cache-Control', CACHE_CONTROL);
    ctx.status = 204;
  }

  /** `POST /schedules/{id}/trigger`: starts a run now. */
  async trigger(ctx: Context): Promise<void> {
    refuseBody(ctx);
    const idempotencyKey = readIdempotencyKey(ctx);
    const options = idempotencyKey === undefined ? {} : { idempotencyKey };
    const handle = await this.#parts.manager.schedules.trigger(readId(ctx), options);
    await sendStarted(ctx, handle, { parts: this.#parts, base: this.#view(ctx, 2).runsBase });
  }

  /** `POST /schedules/{id}/pause` and `/resume` */
  async setPaused(ctx: Context, paused: boolean): Promise<void> {
    refuseBody(ctx);
    const { schedules } = this.#parts.manager;
    const id = readId(ctx);
    this.#send(ctx, await (paused ? schedules.pause(id) : schedules.resume(id)), this.#view(ctx, 2));
  }

  /** `GET /schedules/{id}/preview`: the next due times. */
  async preview(ctx: Context): Promise<void> {
    const count = parsePreviewQuery(readQuery(ctx));
    if (typeof count === 'string') throw badRequest(count);
    const due = await this.#parts.manager.schedules.preview(readId(ctx), count);
    sendJson(ctx, 200, JSON.stringify({ dueAt: due.map(toIso) }));
  }

  #send(ctx: Context, schedule: Schedule, view: ScheduleView): void {
    sendJson(ctx, 200, JSON.stringify(toScheduleResource(schedule, view)));
  }

  /** @param segments how many segments the request's path has after the one of all schedules. */
  #view(ctx: Context, segments: number): ScheduleView {
    const { prefix, runsPrefix } = this.#parts;
    const mount = basePath(ctx, segments + prefix.split('/').length - 1);
    return { base: basePath(ctx, segments), runsBase: `${mount}${runsPrefix}` };
  }
}

function readId(ctx: Context): string {
  const id = readPathName(ctx, 'id');
  if (id.length <= MAX_SCHEDULE_ID_LENGTH) return id;
  throw badRequest(`The id in the path must be at most ${MAX_SCHEDULE_ID_LENGTH} characters`);
}

/** It takes no body; a form of another site must not get through. */
function refuseBody(ctx: Context): void {
  refuseQuery(ctx);
  const type = ctx.get('Content-Type');
  if (type !== '') checkContentType(type);
}
