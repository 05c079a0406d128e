import { BatchProcessor, defineTask, hasCode, type Outcome, type RetryPolicy, type Task } from 'errand';
import { z } from 'zod';
import { mailAddress } from './mail-address.js';
import { isRefusal } from './mail-failure.js';
import { MailSession, type OutgoingMail } from './mail-session.js';
import { type MailTemplates, mailValues, misfits, templateName } from './mail-template.js';
import { contentOf, type MailTasksOptions } from './send-email.js';

const bulkRecipient = z.strictObject({
  to: mailAddress,
  /** What is put in the places of the template for this recipient. */
  values: mailValues.default({}),
});

/** One of those who get the mail, as callers name them. */
export type BulkRecipient = z.input<typeof bulkRecipient>;

/** What `send-bulk-email` is given. */
export interface BulkEmailRequest {
  /** The name of a template. */
  readonly template: string;
  /** 1 to 2,000, each address once. For more, import a file into `send-email`. */
  readonly recipients: readonly BulkRecipient[];
}

/** What became of the mail to one recipient. */
export interface RecipientOutcome {
  readonly to: string;
  /** `unsent`: nobody has said no, but the run was cancelled, or the mail server went away, before its turn or in the middle of it. */
  readonly status: 'sent' | 'failed' | 'unsent';
  /** Why it failed; missing where it did not. */
  readonly error?: string;
}

/** What became of all of them. `total` is the sum of the three. */
export interface BulkEmailResult {
  readonly total: number;
  readonly sent: number;
  readonly failed: number;
  readonly unsent: number;
  /** In the order of the recipients. */
  readonly outcomes: readonly RecipientOutcome[];
}

const MAX_RECIPIENTS = 2_000;
/** How many mails are on their way at once, each on a connection that is used for many. */
const CONNECTIONS = 5;
/** For each recipient: three attempts within about two minutes. */
const RECIPIENT_RETRY: RetryPolicy = { maxAttempts: 3, initialDelayMs: 30_000, factor: 3 };
/** For all of them, where the mail server is away: for about an hour. */
const SERVER_RETRY = { maxAttempts: 5, initialDelayMs: 120_000, factor: 3, maxDelayMs: 1_800_000 } as const;

/** What {@link sendBulkEmailWith} takes. */
export interface BulkEmailOptions extends MailTasksOptions {
  /** How the whole is tried again where the mail server is away. */
  readonly serverRetry?: RetryPolicy;
}

/**
 * A task that sends one template to many, five mails at a time. A recipient whom the mail server refuses has failed, and the
 * others get theirs. Each mail is a step of the run: after a crash, and where the mail server was away for a while, the next
 * attempt goes on with those who have not had it. The result says who got the mail, who was refused, and who is left.
 */
export function sendBulkEmailWith(options: BulkEmailOptions): Task<BulkEmailRequest, BulkEmailResult> {
  const { settings, templates, retry = RECIPIENT_RETRY, serverRetry = SERVER_RETRY } = options;
  return defineTask({
    name: 'send-bulk-email',
    input: bulkRequest(templates),
    queue: 'mail',
    limits: { concurrency: 1 },
    retry: serverRetry,
    handler: async ({ template, recipients }, ctx) => {
      const session = new MailSession(settings(), CONNECTIONS);
      const stop = new Stop(ctx.signal);
      const processor = new BatchProcessor({ maxConcurrent: CONNECTIONS, retry });
      try {
        const { outcomes } = await processor.process(
          recipients,
          ({ to, values }, { index, signal }) =>
            ctx.step(`mail:${index}`, () => {
              const mail = { to, key: `${ctx.idempotencyKey} ${to}`, ...contentOf(templates, template, values) };
              return sendOrRefuse(session, mail, signal);
            }),
          {
            signal: stop.signal,
            onProgress: ({ done, total }) => ctx.progress(done, total),
            onOutcome: (outcome) => {
              if (outcome.status === 'failed' && !isRefusal(outcome.error)) stop.because(outcome.error);
            },
          },
        );
        const result = bulkResult(outcomes);
        const isLast = hasCode(stop.cause, 'NON_RETRYABLE') || ctx.attempt >= serverRetry.maxAttempts;
        if (stop.cause !== undefined && (!isLast || result.sent === 0)) throw stop.cause;
        return result;
      } finally {
        stop.leave();
        session.close();
      }
    },
  });
}

/** Why a recipient was refused for good; null where the mail was sent. What a step keeps. */
async function sendOrRefuse(session: MailSession, mail: OutgoingMail, signal: AbortSignal): Promise<string | null> {
  try {
    await session.send(mail, signal);
    return null;
  } catch (error) {
    if (isRefusal(error) && hasCode(error, 'NON_RETRYABLE')) return error.message;
    throw error;
  }
}

/** A signal that aborts with that of the run, or when nobody can be sent anything any more. */
class Stop {
  readonly #control = new AbortController();
  readonly #source: AbortSignal;
  readonly #onAbort = (): void => this.#control.abort(this.#source.reason);
  /** Why nobody can; undefined where that is not so. */
  cause: Error | undefined;

  constructor(source: AbortSignal) {
    this.#source = source;
    if (source.aborted) this.#onAbort();
    else source.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#control.signal;
  }

  because(cause: unknown): void {
    this.cause ??= cause instanceof Error ? cause : new Error('The mail could not be sent');
    this.#control.abort(this.cause);
  }

  leave(): void {
    this.#source.removeEventListener('abort', this.#onAbort);
  }
}

type MailOutcome = Outcome<z.output<typeof bulkRecipient>, string | null>;

function bulkResult(ended: readonly MailOutcome[]): BulkEmailResult {
  const outcomes = ended.map(toRecipientOutcome);
  const count = (wanted: RecipientOutcome['status']): number =>
    outcomes.filter(({ status }) => status === wanted).length;
  return { total: outcomes.length, sent: count('sent'), failed: count('failed'), unsent: count('unsent'), outcomes };
}

function toRecipientOutcome(outcome: MailOutcome): RecipientOutcome {
  const { to } = outcome.item;
  if (outcome.status === 'succeeded') {
    return outcome.value === null ? { to, status: 'sent' } : { to, status: 'failed', error: outcome.value };
  }
  const { error } = outcome;
  return isRefusal(error) && error instanceof Error
    ? { to, status: 'failed', error: error.message }
    : { to, status: 'unsent' };
}

function bulkRequest(templates: MailTemplates) {
  return z
    .strictObject({
      template: templateName(templates),
      recipients: z.array(bulkRecipient).min(1).max(MAX_RECIPIENTS).readonly(),
    })
    .superRefine(({ template, recipients }, ctx) => {
      const seen = new Set<string>();
      for (const [index, { to, values }] of recipients.entries()) {
        const path = ['recipients', index];
        const address = to.toLowerCase();
        if (seen.has(address)) ctx.addIssue({ code: 'custom', path: [...path, 'to'], message: 'Stands there twice' });
        seen.add(address);
        for (const { name, why } of misfits(templates[template] ?? { subject: '', text: '' }, values))
          ctx.addIssue({ code: 'custom', path: [...path, 'values', name], message: why });
      }
    });
}
