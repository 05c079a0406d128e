import type { Context } from 'koa';
import { writeRun, type RunView } from '../http-api/run-json.js';
import type { RunHandle } from '../manager/run-handle.js';
import type { Clock } from '../ports/clock.js';
import type { Run } from '../task/run.js';
import { isFinal } from '../task/status.js';
import { runNotFound } from './request-error.js';
import type { RouteParts } from './route-parts.js';

/** Of every answer about runs: for this caller only, and never from a cache unasked. */
export const CACHE_CONTROL = 'private, no-cache';

const JSON_TYPE = 'application/json; charset=utf-8';
/** The longest pause that is advised between two looks at a run, in seconds. */
const MAX_PAUSE_S = 60;

/**
 * The path under which the routes are mounted, as the client knows it: the request's own path without its last
 * `segments` segments. So it keeps whatever a host puts before: mount paths, prefixes, parameters in them.
 */
export function basePath(ctx: Context, segments: number): string {
  let path = ctx.originalUrl.startsWith('/') ? ctx.originalUrl : ctx.path; // absolute-form, as sent to proxies
  const end = path.search(/[?#]/);
  if (end >= 0) path = path.slice(0, end);
  if (path.endsWith('/')) path = path.slice(0, -1);
  for (let left = segments; left > 0; left -= 1) path = path.slice(0, path.lastIndexOf('/'));
  return path.startsWith('//') ? path.replace(/^\/+/, '/') : path; // two slashes would name a host
}

/** Names this version of this run. Weak: the same version may be written in different ways. */
export function etagOf(run: Run): string {
  return `W/"${run.createdAt.toString(36)}-${run.version}"`;
}

/** Whether `If-None-Match` names this version. Koa's own check says no to whatever `fetch` sends. */
export function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header === etag || header === '*') return true;
  const opaque = etag.slice(2);
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === opaque);
}

/** A run, how it is shown, and the clock that says how long it still waits. */
export interface RunAnswer {
  readonly run: Run;
  readonly view: RunView;
  readonly clock: Clock;
}

/** How {@link sendStarted} answers. */
export interface StartedAnswer {
  readonly parts: Pick<RouteParts, 'clock' | 'exposeErrors'>;
  /** The path of all runs. */
  readonly base: string;
  /** Whether the end was waited for: then a run that has ended is no longer just accepted. */
  readonly waited?: boolean;
}

/** Answers with a run that was started, where it is, and whether a request before this one has started it. */
export async function sendStarted(
  ctx: Context,
  handle: RunHandle<unknown>,
  { parts: { clock, exposeErrors }, base, waited = false }: StartedAnswer,
): Promise<void> {
  const run = await handle.snapshot();
  if (run === undefined) throw runNotFound();
  ctx.res.setHeader('Location', `${base}/${run.id}`);
  if (handle.replayed) ctx.set('Idempotency-Replayed', 'true');
  sendRun(ctx, waited && isFinal(run.status) ? 200 : 202, {
    run,
    clock,
    view: { base, exposeErrors, withResult: true },
  });
}

/** Answers with a run; while it has not ended, with the time after which another look is worth it. */
export function sendRun(ctx: Context, status: number, { run, view, clock }: RunAnswer): void {
  sendJson(ctx, status, writeRun(run, view));
  if (!isFinal(run.status)) ctx.res.setHeader('Retry-After', pauseFor(run, clock));
}

/** Answers with JSON about runs. */
export function sendJson(ctx: Context, status: number, json: string): void {
  ctx.status = status;
  ctx.res.setHeader('Content-Type', JSON_TYPE);
  ctx.res.setHeader('Cache-Control', CACHE_CONTROL);
  ctx.body = json;
}

/** In how many seconds another look is worth it: when a run that waits for its time is due, otherwise in one. */
function pauseFor(run: Run, clock: Clock): string {
  if (run.dueAt === null || (run.status !== 'scheduled' && run.status !== 'retrying')) return '1';
  const seconds = Math.ceil((run.dueAt - clock.now()) / 1_000);
  return String(Math.min(MAX_PAUSE_S, Math.max(1, seconds)));
}
