import type { ProblemCode } from '../http-api/problem.js';
import type { InputIssue } from '../task/standard-schema.js';

/** What a {@link RequestError} may say beside its status, code and detail. */
export interface RequestErrorOptions {
  readonly errors?: readonly InputIssue[];
  /** Headers of the answer. Never made of input. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The status of the run that stands in the way. */
  readonly runStatus?: string;
  readonly cause?: unknown;
}

/** Thrown by a route: the request is answered with this problem. Its message is shown to the client. */
export class RequestError extends Error {
  readonly status: number;
  readonly code: ProblemCode;
  readonly options: RequestErrorOptions;

  constructor(status: number, code: ProblemCode, detail: string, options: RequestErrorOptions = {}) {
    super(detail, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'RequestError';
    this.status = status;
    this.code = code;
    this.options = options;
  }
}

/** The request as such is malformed: 400. */
export function badRequest(detail: string): RequestError {
  return new RequestError(400, 'BAD_REQUEST', detail);
}

/** There is no run of this id: 404. */
export function runNotFound(): RequestError {
  return new RequestError(404, 'RUN_NOT_FOUND', 'There is no run of this id');
}
