import { STATUS_CODES } from 'node:http';
import type { Context } from 'koa';
import { PROBLEM_TYPE, statusOfCode, type Problem, type ProblemCode } from '../http-api/problem.js';
import type { Clock } from '../ports/clock.js';
import { FileTooLargeError } from '../ports/files.js';
import type { Logger } from '../ports/logger.js';
import { isTaskError, unconfirmedRunOf, type ErrorCode, type TaskError } from '../task/errors.js';
import { MAX_ISSUES, plainPointer, type InputIssue } from '../task/standard-schema.js';
import { RequestError } from './request-error.js';
import { CACHE_CONTROL } from './run-answer.js';
import { leaveBody } from './unread-body.js';

/** Seconds after which a refused request may be worth another try. */
const RETRY_AFTER = '1';

/** A server that shuts down says so to everybody who comes: nothing is wrong with it. */
const EXPECTED: readonly ProblemCode[] = ['MANAGER_CLOSED', 'UNAVAILABLE'];

/** What {@link sendProblem} works with. */
export interface ProblemTools {
  readonly clock: Clock;
  readonly logger: Logger | undefined;
}

/**
 * Answers with a problem, whatever was thrown. What no request can be blamed for is answered with 500, or 503 where it
 * may pass, and nothing of the error, and reported: to the logger, or without one as Koa does, by an `error` event of
 * the application. Where a long rest of the body has not come yet, the connection ends with the answer.
 */
export function sendProblem(ctx: Context, thrown: unknown, { clock, logger }: ProblemTools): void {
  // Who has left in the middle of the body is answered by nobody, and what that broke is no fault of the server.
  if (ctx.req.socket.destroyed && !ctx.req.complete) return;
  const error = toRequestError(thrown);
  if (error.status >= 500 && !EXPECTED.includes(error.code)) report(ctx, thrown, logger);
  if (ctx.headerSent) {
    ctx.res.destroy(); // an answer that has begun cannot become another one; it must not look complete either
    return;
  }
  writeProblem(ctx, error);
  leaveBody(ctx.req, ctx.res, clock);
}

function writeProblem(ctx: Context, { status, code, message, options }: RequestError): void {
  const problem: Problem = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: message,
    code,
    ...(options.errors && { errors: options.errors.slice(0, MAX_ISSUES) }),
    ...(options.runStatus !== undefined && { runStatus: options.runStatus }),
  };
  ctx.status = status;
  if (options.headers) ctx.set(options.headers);
  ctx.set('Cache-Control', CACHE_CONTROL);
  ctx.set('Content-Type', PROBLEM_TYPE);
  ctx.body = JSON.stringify(problem);
}

function toRequestError(thrown: unknown): RequestError {
  if (thrown instanceof RequestError) return thrown;
  if (isTaskError(thrown)) return fromTaskError(thrown);
  if (thrown instanceof FileTooLargeError) return tooLarge(thrown.limitBytes);
  return fromHttpError(thrown) ?? new RequestError(500, 'INTERNAL', 'Something went wrong on the server');
}

/** The body is longer than it may be: 413. */
export function tooLarge(limitBytes: number): RequestError {
  return new RequestError(413, 'BODY_TOO_LARGE', `The body must be at most ${limitBytes} bytes`);
}

function fromTaskError(error: TaskError): RequestError {
  const status = statusOfCode(error.code);
  if (status === 500) return new RequestError(500, 'INTERNAL', 'Something went wrong on the server', { cause: error });
  const errors = error.code === 'INPUT_INVALID' ? issuesOf(error) : undefined;
  const retry = status === 429 || status === 503;
  const conflict = error.code === 'RUN_CONFLICT' ? describeConflict(error.details) : undefined;
  const detail = conflict?.detail ?? describeUnconfirmed(error) ?? detailOf(error);
  return new RequestError(status, error.code, detail ?? error.message, {
    cause: error,
    ...(conflict?.runStatus !== undefined && { runStatus: conflict.runStatus }),
    ...(errors && { errors }),
    ...(retry && { headers: { 'Retry-After': RETRY_AFTER } }),
  });
}

/** Where the error's own message names what is no caller's business, or what the caller has sent. */
const DETAIL: Partial<Record<ErrorCode, string>> = {
  BACKEND: 'What the server keeps cannot be read or written at the moment',
  RESOURCE_FAILED: 'What the tasks of the server need cannot be opened at the moment',
  TASK_UNKNOWN: 'There is no task of this name',
  RUN_NOT_FOUND: 'There is no run of this id',
};

/** Who sends such a request again without a key may start two runs. */
function describeUnconfirmed(error: TaskError): string | undefined {
  const runId = unconfirmedRunOf(error);
  return (
    runId &&
    `Run ${runId} may have been accepted: look for it later, or send the request again if it has an Idempotency-Key`
  );
}

/** What has the same code where it is a schedule that is not there. */
const NO_SCHEDULE = 'There is no schedule of this id';

/** Asked again, it would say the same: an operator has to do something. */
const NOT_SHARED = 'This server has no files at hand: its processes have no folder for them in common';

function detailOf({ code, details }: TaskError): string | undefined {
  if (details['scheduleId'] !== undefined) return NO_SCHEDULE;
  return code === 'BACKEND' && details['reason'] === 'NOT_SHARED' ? NOT_SHARED : DETAIL[code];
}

/** The error's own message names the id, which the caller has sent, and advises what only the library offers. */
function describeConflict({ status, abandoned, redrivenBy }: TaskError['details']): {
  readonly detail: string;
  readonly runStatus?: string;
} {
  if (typeof redrivenBy === 'string') return { detail: `The run was redriven before, as ${redrivenBy}` };
  if (typeof status !== 'string') return { detail: 'Only a failed run of a task can be redriven' };
  const detail =
    abandoned === true
      ? `The run of this id is ${status}, but its handler is still at work: wait, or use another id`
      : `A run of this id is ${status}: wait for its end, or use another id`;
  return { detail, runStatus: status };
}

/** The task's schema points into the input; a client sees the whole body. */
function issuesOf(error: TaskError): readonly InputIssue[] | undefined {
  const issues = error.details['issues'];
  if (!Array.isArray(issues)) return undefined;
  return issues.filter(isIssue).map(({ pointer, detail }) => ({ pointer: `/input${plainPointer(pointer)}`, detail }));
}

function isIssue(value: unknown): value is InputIssue {
  return typeof value === 'object' && value !== null && 'pointer' in value && 'detail' in value;
}

/** Errors of other middleware: an `http-errors` error of 4xx says itself whether it may be shown. */
function fromHttpError(thrown: unknown): RequestError | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { status, expose } = thrown as { status?: unknown; expose?: unknown };
  if (typeof status !== 'number' || STATUS_CODES[status] === undefined || status < 400 || status > 499)
    return undefined;
  const detail = expose === true ? thrown.message : (STATUS_CODES[status] ?? 'Error');
  return new RequestError(status, 'HTTP_ERROR', detail);
}

function report(ctx: Context, thrown: unknown, logger: Logger | undefined): void {
  // Koa's own reporting throws at what is no error.
  const error =
    thrown instanceof Error ? thrown : new Error('something that is no error was thrown', { cause: thrown });
  if (logger) logger.error({ err: error, method: ctx.method, path: ctx.path }, 'a request failed');
  else ctx.app.emit('error', error, ctx);
}
