import { createHash } from 'node:crypto';
import { createTransport } from 'nodemailer';
import { mailFailure } from './mail-failure.js';
import type { MailSettings } from './mail-settings.js';
import type { MailContent } from './mail-template.js';

/** What {@link MailSession.send} sends. */
export interface OutgoingMail extends MailContent {
  /** One address, checked. */
  readonly to: string;
  /** The same for the same mail: whoever sends it twice after a crash gives it the same Message-ID. */
  readonly key: string;
}

/** How long a mail server may take, in milliseconds: to be reached, to greet, between two of its answers. */
const PATIENCE = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 30_000, dnsTimeout: 10_000 };

/** Connections to a mail server, for as long as a task needs them. */
export class MailSession {
  readonly #pool: ReturnType<typeof openPool>;
  readonly #from: string;

  /** @param connections how many mails are on their way at once */
  constructor({ url, from }: MailSettings, connections = 1) {
    this.#pool = openPool(url, connections);
    this.#from = from;
  }

  /**
   * Sends a mail to one recipient.
   *
   * @param signal ends the connection that the mail is on. A mail whose last byte has gone out may arrive all the same.
   * @throws {MailRefused} when the server does not take it now
   * @throws {NonRetryableError} NON_RETRYABLE when it never will
   * @throws the signal's reason
   */
  async send({ to, key, subject, text, html }: OutgoingMail, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    try {
      await this.#pool.sendMail({
        from: { name: '', address: this.#from },
        to: { name: '', address: to },
        envelope: { from: this.#from, to: [to] },
        messageId: messageId(key, this.#from),
        ...{ subject, text, signal },
        ...(html !== undefined && { html }),
        // Contents are text, whatever they look like.
        ...{ disableFileAccess: true, disableUrlAccess: true },
      });
    } catch (error) {
      signal.throwIfAborted();
      throw mailFailure(error);
    }
  }

  /**
   * Connects and logs in, and sends nothing.
   *
   * @throws as {@link send}
   */
  async check(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    let leave = (): void => undefined;
    // nodemailer offers no way to end this; its connection has the time limits above.
    const aborted = new Promise<never>((_resolve, reject) => {
      leave = () => reject(new Error('left'));
      signal.addEventListener('abort', leave, { once: true });
    });
    try {
      await Promise.race([this.#pool.verify(), aborted]);
    } catch (error) {
      signal.throwIfAborted();
      throw mailFailure(error);
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  /** Ends all connections, and with them what is on its way. */
  close(): void {
    this.#pool.close({ force: true });
  }
}

function openPool(url: string, maxConnections: number) {
  return createTransport({ url, pool: true, maxConnections, ...PATIENCE });
}

/** A digest, for keys are chosen by callers: what stands in them is no part of a header. */
function messageId(key: string, from: string): string {
  const digest = createHash('sha256').update(key).digest('base64url').slice(0, 32);
  return `<${digest}@${from.slice(from.lastIndexOf('@') + 1)}>`;
}
