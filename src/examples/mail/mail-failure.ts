import { NonRetryableError } from 'errand';

/** What nodemailer says of a mail that was not sent. */
interface SmtpError {
  readonly code?: unknown;
  readonly command?: unknown;
  readonly response?: unknown;
  readonly responseCode?: unknown;
}

/**
 * The mail server has answered that it does not take this mail: a matter of this mail, not of all. With 4xx it may take it
 * later; with 5xx the error says that trying again is of no use.
 */
export class MailRefused extends Error {
  override readonly name = 'MailRefused';
}

/**
 * What a handler is to throw where a mail was not sent. Answers of 4xx and servers that cannot be reached are worth another
 * attempt, answers of 5xx are not. The text that servers write beside their codes may name machines and users, and
 * nodemailer's errors say where it connected: neither is passed on.
 */
export function mailFailure(error: unknown): Error {
  const { code, responseCode, response, command } = (
    typeof error === 'object' && error !== null ? error : {}
  ) as SmtpError;
  const status = typeof responseCode === 'number' ? responseCode : 0;
  const permanent = status >= 500;
  if (code === 'EAUTH') {
    if (status > 0 && !permanent) return new Error(`The mail server lets nobody in at the moment: ${status}`);
    return new NonRetryableError('The mail server does not accept the user and password of SMTP_URL');
  }
  if (status > 0) {
    const what = typeof command === 'string' && command.startsWith('RCPT') ? 'the recipient' : 'the mail';
    const message = `The mail server refused ${what}: ${answerCode(status, response)}`;
    const refused = new MailRefused(message);
    return permanent ? new NonRetryableError(message, { cause: refused }) : refused;
  }
  return new Error(`The mail server cannot be reached${typeof code === 'string' ? `: ${code}` : ''}`);
}

/** Whether a failure is a matter of one mail; otherwise the next one would meet with it, too. */
export function isRefusal(error: unknown): boolean {
  return error instanceof MailRefused || (error instanceof Error && error.cause instanceof MailRefused);
}

/** `550 5.1.1`: the reply code, and the enhanced one where the server has given it. */
function answerCode(status: number, response: unknown): string {
  const [, enhanced] = (typeof response === 'string' && /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response)) || [];
  return enhanced === undefined ? String(status) : `${status} ${enhanced}`;
}
