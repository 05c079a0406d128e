import type { LookupFunction } from 'node:net';
import { hasCode, NonRetryableError } from 'errand';

/** One call of a receiver. */
export interface WebhookCall {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Finds the addresses of the URL's host, and refuses those that may not be called. */
  readonly lookup: LookupFunction;
  readonly signal: AbortSignal;
}

/** What the receiver says. Its body is not read. */
export interface WebhookAnswer {
  readonly status: number;
  readonly retryAfter: string | null;
}

/** How long a receiver may take, in milliseconds: to be reached, and to answer. */
const PATIENCE = { connectMs: 10_000, headersTimeout: 15_000, bodyTimeout: 1_000 };

/**
 * Posts to a receiver, over a connection of its own, and follows no redirect.
 *
 * @throws {NonRetryableError} NON_RETRYABLE when the URL's name leads to an address that may not be called
 * @throws {Error} when no answer came
 * @throws the signal's reason
 */
export async function deliverWebhook({ url, headers, body, lookup, signal }: WebhookCall): Promise<WebhookAnswer> {
  // A large package: a server that calls nobody starts without it.
  const { Agent, fetch } = await import('undici');
  const { connectMs, ...timeouts } = PATIENCE;
  const agent = new Agent({ ...timeouts, connect: { lookup, timeout: connectMs } });
  try {
    const answer = await fetch(url, { method: 'POST', redirect: 'manual', dispatcher: agent, headers, body, signal });
    return { status: answer.status, retryAfter: answer.headers.get('retry-after') };
  } catch (error) {
    signal.throwIfAborted();
    throw failureOf(error);
  } finally {
    // Its status is all that counts: a body that never ends would hold the run up, a compressed one could be large.
    await agent.destroy();
  }
}

/** `fetch` says only that it has failed; its cause says why. Where it connected is not passed on. */
function failureOf(error: unknown): Error {
  const cause: unknown = Reflect.get(Object(error), 'cause');
  if (hasCode(cause, 'NON_RETRYABLE')) return new NonRetryableError(cause.message);
  const code: unknown = Reflect.get(Object(cause), 'code');
  return new Error(`The receiver cannot be reached${typeof code === 'string' ? `: ${code}` : ''}`);
}
