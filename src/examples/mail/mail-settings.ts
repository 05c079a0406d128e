import { NonRetryableError } from 'errand';
import { mailAddress } from './mail-address.js';

/** Through which server mails go, and in whose name. It holds a password: it is never shown, logged or stored. */
export interface MailSettings {
  /** `smtp://` (with STARTTLS where the server offers it) or `smtps://`, with a user and a password where they are needed. */
  readonly url: string;
  readonly from: string;
}

/**
 * `SMTP_URL`, such as `smtp://user:password@mail.example.com:587`, and `MAIL_FROM` (`errand@localhost` unless set).
 *
 * @throws {NonRetryableError} NON_RETRYABLE when one is missing or makes no sense. The message says what to set, and
 * nothing of what was set.
 */
export function readMailSettings(env: NodeJS.ProcessEnv): MailSettings {
  const url = env['SMTP_URL'] || undefined;
  const from = env['MAIL_FROM'] || 'errand@localhost';
  if (url === undefined) throw settingError('SMTP_URL is not set');
  if (!isMailUrl(url)) throw settingError('SMTP_URL is no URL of a mail server');
  if (!mailAddress.safeParse(from).success) {
    throw new NonRetryableError('MAIL_FROM must be one address, such as shop@example.com, without a name beside it');
  }
  return { url, from };
}

function isMailUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return (protocol === 'smtp:' || protocol === 'smtps:') && hostname !== '';
}

function settingError(what: string): NonRetryableError {
  return new NonRetryableError(
    `Mails cannot be sent: ${what}. Start the server with SMTP_URL=smtp://user:password@mail.example.com:587, or smtps://… for TLS from the start`,
  );
}
