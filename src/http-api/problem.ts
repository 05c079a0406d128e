import type { ErrorCode } from '../task/errors.js';
import type { InputIssue } from '../task/standard-schema.js';

/** What can be wrong with a request itself, beside what a `TaskError` says. */
export type RequestErrorCode =
  | 'BAD_REQUEST'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'BODY_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'REQUEST_INVALID'
  | 'UNAVAILABLE'
  | 'HTTP_ERROR'
  | 'INTERNAL';

/** The `code` of a problem. */
export type ProblemCode = ErrorCode | RequestErrorCode;

/**
 * The body of every error answer, `application/problem+json`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9457
 */
export interface Problem {
  readonly type: 'about:blank';
  /** The phrase that belongs to the status. */
  readonly title: string;
  /** The HTTP status. */
  readonly status: number;
  /** What went wrong, for people. Never holds input. */
  readonly detail: string;
  /** What went wrong, for programs. */
  readonly code: ProblemCode;
  /** Where the body is wrong: JSON pointers from its root. At most 20. */
  readonly errors?: readonly InputIssue[];
  /** Where a run's status is what stands in the way. */
  readonly runStatus?: string;
}

/** The content type of a {@link Problem}. */
export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

const STATUS_OF: Partial<Record<ErrorCode, number>> = {
  TASK_UNKNOWN: 404,
  RUN_NOT_FOUND: 404,
  RUN_CONFLICT: 409,
  RESULT_INVALID: 409,
  INPUT_INVALID: 422,
  KEY_REUSED: 422,
  QUEUE_FULL: 429,
  RATE_LIMITED: 429,
  MANAGER_CLOSED: 503,
  BACKEND: 503,
  RESOURCE_FAILED: 503,
};

/** The HTTP status that a `TaskError` of this code is answered with; 500 for those that no request can be blamed for. */
export function statusOfCode(code: ErrorCode): number {
  return STATUS_OF[code] ?? 500;
}
