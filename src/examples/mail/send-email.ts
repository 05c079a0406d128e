import { defineTask, type RetryPolicy, type Task } from 'errand';
import { z } from 'zod';
import { mailAddress } from './mail-address.js';
import { MailSession } from './mail-session.js';
import type { MailSettings } from './mail-settings.js';
import { fill, type MailTemplates, mailValues, type MailValues, misfits, templateName } from './mail-template.js';

/** What the tasks that send mails are made with. */
export interface MailTasksOptions {
  /** Asked at each attempt, so that a server can start without any. What it throws, the attempt throws. */
  readonly settings: () => MailSettings;
  readonly templates: MailTemplates;
  /** How a mail is tried again that was not taken. */
  readonly retry?: RetryPolicy;
}

/** What `send-email` is given. */
export interface EmailRequest {
  /** One address. */
  readonly to: string;
  /** The name of a template. */
  readonly template: string;
  /** What is put in its places. */
  readonly values?: MailValues;
}

/** Five attempts within about a quarter of an hour: a server that greylists wants to be asked again after some minutes. */
export const MAIL_RETRY: RetryPolicy = { maxAttempts: 5, initialDelayMs: 30_000, factor: 2, maxDelayMs: 600_000 };

/**
 * A task that sends one mail, made from a template, to one recipient. It is tried again where the mail server says 4xx or
 * cannot be reached, and fails at once where it says 5xx. Every attempt has the same Message-ID.
 */
export function sendEmailWith({
  settings,
  templates,
  retry = MAIL_RETRY,
}: MailTasksOptions): Task<EmailRequest, { to: string }> {
  return defineTask({
    name: 'send-email',
    input: emailRequest(templates),
    queue: 'mail',
    retry,
    limits: { concurrency: 5, softLimitMs: 60_000, hardLimitMs: 70_000 },
    handler: async ({ to, template, values }, ctx) => {
      const session = new MailSession(settings());
      try {
        await session.send({ to, key: ctx.idempotencyKey, ...contentOf(templates, template, values) }, ctx.signal);
        return { to };
      } finally {
        session.close();
      }
    },
  });
}

/** The mail that a template and values make. Both have passed the schema. */
export function contentOf(templates: MailTemplates, name: string, values: MailValues) {
  const template = templates[name];
  if (template === undefined) throw new RangeError(`there is no template ${name}`);
  return fill(template, values);
}

function emailRequest(templates: MailTemplates) {
  return z
    .strictObject({ to: mailAddress, template: templateName(templates), values: mailValues.default({}) })
    .superRefine(({ template, values }, ctx) => {
      for (const { name, why } of misfits(templates[template] ?? { subject: '', text: '' }, values))
        ctx.addIssue({ code: 'custom', path: ['values', name], message: why });
    });
}
