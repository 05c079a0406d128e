import type { Context, Next } from 'koa';
import type { TaskManager } from '../manager/task-manager.js';
import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { within } from '../timing/within.js';
import { RequestError } from './request-error.js';

/** What `/readyz` asks. */
export type ReadyManager = Pick<TaskManager, 'closing'> & Partial<Pick<TaskManager, 'check'>>;

/** What {@link Readiness} works with. */
export interface ReadinessTools {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long an answer of the backend's is taken for the present one, in milliseconds. */
const FRESH_MS = 1_000;
/** How long the backend has to answer, in milliseconds. */
const PATIENCE_MS = 2_500;

/** Whether a server can be sent work. Asks the backend once a second at most, however many ask. */
export class Readiness {
  readonly #manager: ReadyManager | undefined;
  readonly #tools: ReadinessTools;
  #answer: Promise<boolean> | undefined;
  #freshUntil = Infinity;
  /** What was said last: only changes are worth a line in the log. */
  #reachable = true;

  constructor(manager: ReadyManager | undefined, tools: ReadinessTools) {
    this.#manager = manager;
    this.#tools = tools;
  }

  /** @throws {RequestError} 503 when it closes, or what its runs are kept in cannot be reached. */
  async check(): Promise<void> {
    if (this.#manager?.closing === true) throw unavailable('The server is shutting down');
    if (!(await this.#isReachable())) throw unavailable('What the server keeps runs in cannot be reached');
  }

  #isReachable(): Promise<boolean> {
    const { clock } = this.#tools;
    if (this.#answer === undefined || clock.monotonic() >= this.#freshUntil) {
      this.#freshUntil = Infinity; // whoever comes meanwhile waits for the same answer
      this.#answer = this.#ask().finally(() => (this.#freshUntil = clock.monotonic() + FRESH_MS));
    }
    return this.#answer;
  }

  async #ask(): Promise<boolean> {
    try {
      await this.#checked();
      this.#reachable = true;
    } catch (err) {
      if (this.#reachable) this.#tools.logger.error({ err }, 'the backend cannot be reached: /readyz says so');
      this.#reachable = false;
    }
    return this.#reachable;
  }

  /** A manager whose resources are still being opened, for one, is not ready; nor should whoever asks have to wait. */
  async #checked(): Promise<void> {
    const checking = this.#manager?.check?.();
    if (checking === undefined) return;
    let answered = false as boolean;
    const answer = checking.finally(() => (answered = true));
    await within(PATIENCE_MS, this.#tools.clock, (done) => void answer.then(done, done));
    if (!answered) throw new Error(`no answer within ${PATIENCE_MS} ms`);
    await answer;
  }
}

/** `/healthz`: the process answers. `/readyz`: it can be sent work. Everything else is for whoever comes next. */
export async function answerHealth(ctx: Context, next: Next, readiness: Readiness): Promise<void> {
  if (ctx.path !== '/healthz' && ctx.path !== '/readyz') {
    await next();
    return;
  }
  if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
    throw new RequestError(405, 'METHOD_NOT_ALLOWED', 'This path takes GET, HEAD', { headers: { Allow: 'GET, HEAD' } });
  }
  ctx.set('Cache-Control', 'no-store');
  if (ctx.path === '/readyz') await readiness.check();
  ctx.body = { status: 'ok' };
}

function unavailable(detail: string): RequestError {
  return new RequestError(503, 'UNAVAILABLE', detail, { headers: { 'Retry-After': '1' } });
}
