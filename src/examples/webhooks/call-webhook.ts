import { createHash } from 'node:crypto';
import { defineTask, NonRetryableError, type RetryPolicy, RetryLaterError, type Task } from 'errand';
import { z } from 'zod';
import { presentTime } from '../present-time.js';
import { deliverWebhook, type WebhookAnswer } from './deliver-webhook.js';
import { retryAfterMs } from './retry-after.js';
import { signatureHeaders } from './sign-webhook.js';
import { type FindAddresses, guard } from './webhook-guard.js';
import type { WebhookSettings } from './webhook-settings.js';

/** What {@link callWebhookWith} takes. */
export interface CallWebhookOptions {
  /** Asked at each attempt, so that a server can start without any. What it throws, the attempt throws. */
  readonly settings: () => WebhookSettings;
  /** How a receiver is called again that was not there, or had trouble. */
  readonly retry?: RetryPolicy;
  /** For tests: the time of day, in epoch milliseconds. */
  readonly now?: () => number;
  /** For tests: how names are resolved. */
  readonly findAddresses?: FindAddresses;
}

/** Nine attempts within about half a day; half of that with jitter: 10 s, 1 min, 6 min, 36 min, then every few hours. */
const WEBHOOK_RETRY: RetryPolicy = { maxAttempts: 9, initialDelayMs: 10_000, factor: 6, maxDelayMs: 10_800_000 };

const webhookRequest = z.strictObject({
  url: z
    .string()
    .max(2_048)
    .refine(isWebUrl, { error: 'Expected a URL that begins with https:// or http://, without a password' }),
  type: z.string().regex(/^[\w.]{1,128}$/, { error: 'Expected the kind of the event, such as order.paid' }),
  /** When it happened. */
  timestamp: z.iso.datetime({ offset: true }).optional(),
  data: z.record(z.string(), z.json()),
});

/** What `call-webhook` is given. */
export type WebhookRequest = z.input<typeof webhookRequest>;

/** What became of a call: its id, by which receivers tell repeated calls, and the status that was answered. */
export interface WebhookResult {
  readonly id: string;
  readonly status: number;
}

/**
 * A task that tells another system of an event, signed by Standard Webhooks. It calls again after network errors, 408, 425,
 * 429 and 5xx, not before the time that `Retry-After` names, and gives up at once after any other answer. Every attempt has
 * the same `webhook-id`.
 */
export function callWebhookWith(options: CallWebhookOptions): Task<WebhookRequest, WebhookResult> {
  const { settings, retry = WEBHOOK_RETRY, now = presentTime, findAddresses } = options;
  return defineTask({
    name: 'call-webhook',
    input: webhookRequest,
    queue: 'webhooks',
    retry,
    limits: { concurrency: 20, softLimitMs: 25_000, hardLimitMs: 30_000 },
    handler: async ({ url: text, ...event }, ctx) => {
      const url = new URL(text);
      const { secrets, allowed } = settings();
      const lookup = guard(url, { allowed, ...(findAddresses && { findAddresses }) });
      const id = webhookId(ctx.idempotencyKey);
      const body = JSON.stringify(event);
      const signed = signatureHeaders({ id, timestamp: Math.floor(now() / 1_000), body }, secretsFor(url, secrets));
      const headers = { 'content-type': 'application/json', 'user-agent': 'errand-webhooks', ...signed };
      const answer = await deliverWebhook({ url, headers, body, lookup, signal: ctx.signal });
      return { id, status: acceptedStatus(answer, now()) };
    },
  });
}

function isWebUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '';
}

/** A digest, for keys are chosen by callers, and a signature is over text in which dots separate the parts. */
function webhookId(key: string): string {
  return `msg_${createHash('sha256').update(key).digest('base64url').slice(0, 32)}`;
}

function secretsFor({ host }: URL, secrets: WebhookSettings['secrets']): readonly Uint8Array[] {
  const found = secrets.get(host);
  if (found !== undefined) return found;
  throw new NonRetryableError(
    `There is no secret to sign calls of ${host} with: start the server with WEBHOOK_SECRETS="${host}=whsec_…"`,
  );
}

/** Statuses of trouble that passes. */
const PASSING: readonly number[] = [408, 425, 429];

/**
 * @throws {RetryLaterError} RETRY_LATER when the receiver says when to call again
 * @throws {Error} when it may do better next time
 * @throws {NonRetryableError} NON_RETRYABLE when it will not
 */
function acceptedStatus({ status, retryAfter }: WebhookAnswer, now: number): number {
  if (status >= 200 && status < 300) return status;
  const message = `The receiver answered ${status}`;
  if (status < 500 && !PASSING.includes(status)) {
    throw new NonRetryableError(status >= 300 && status < 400 ? `${message}; redirects are not followed` : message);
  }
  const delayMs = status === 429 || status === 503 ? retryAfterMs(retryAfter, now) : undefined;
  throw delayMs === undefined ? new Error(message) : new RetryLaterError(delayMs, message);
}
