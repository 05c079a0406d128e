import { STATUS_CODES, type ServerResponse } from 'node:http';
import { PROBLEM_TYPE, type Problem, type ProblemCode } from '../http-api/problem.js';
import { endAfterAnswer } from '../koa/unread-body.js';
import { systemClock } from '../timing/system-clock.js';

/** What a request is answered with that never comes to the application. Its connection ends with the answer. */
export interface Refusal {
  readonly status: number;
  readonly detail: string;
  /** `BAD_REQUEST` with 400, `HTTP_ERROR` with all others, unless given. */
  readonly code?: ProblemCode;
}

/** Answers a request that Node could read. */
export function sendRefusal(res: ServerResponse, refusal: Refusal): void {
  const { status, headers, body } = toAnswer(refusal);
  endAfterAnswer(res.req, res, systemClock);
  res.req.resume();
  res.writeHead(status, headers).end(body);
}

/** The same answer as text, where there is no request that Node could answer. */
export function writeRefusal(refusal: Refusal): string {
  const { status, title, headers, body } = toAnswer(refusal);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return `HTTP/1.1 ${status} ${title}\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

interface Answer {
  readonly status: number;
  readonly title: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function toAnswer({ status, detail, code = status === 400 ? 'BAD_REQUEST' : 'HTTP_ERROR' }: Refusal): Answer {
  const title = STATUS_CODES[status] ?? 'Error';
  const problem: Problem = { type: 'about:blank', title, status, detail, code };
  const body = JSON.stringify(problem);
  const headers = {
    Connection: 'close',
    'Cache-Control': 'no-store',
    'Content-Type': PROBLEM_TYPE,
    'Content-Length': String(Buffer.byteLength(body)),
  };
  return { status, title, headers, body };
}
