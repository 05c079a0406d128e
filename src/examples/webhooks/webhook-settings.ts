import { isIP } from 'node:net';
import { NonRetryableError } from 'errand';

/** Who may be called, and with which secrets. */
export interface WebhookSettings {
  /** The secrets that calls to a host are signed with: two while one takes the place of another. */
  readonly secrets: ReadonlyMap<string, readonly Uint8Array[]>;
  /** Addresses that may be called though they are not public, on any port. For tests and for developing. */
  readonly allowed: ReadonlySet<string>;
}

/**
 * `WEBHOOK_SECRETS`: `host=whsec_…`, one after the other, separated by spaces; the host with its port where that is not the
 * usual one. A host that stands there twice is signed for with both. Each receiver has a secret of its own, for whoever
 * knows one can sign with it.
 *
 * `ERRAND_WEBHOOK_ALLOW`: IP addresses, separated by commas.
 *
 * @throws {NonRetryableError} NON_RETRYABLE when one makes no sense. The message shows nothing of a secret.
 */
export function readWebhookSettings(env: NodeJS.ProcessEnv): WebhookSettings {
  const secrets = new Map<string, readonly Uint8Array[]>();
  for (const [index, entry] of words(env['WEBHOOK_SECRETS'], /\s+/).entries()) {
    const [host, secret] = readSecret(entry, index);
    secrets.set(host, [...(secrets.get(host) ?? []), secret]);
  }
  return { secrets, allowed: new Set(words(env['ERRAND_WEBHOOK_ALLOW'], /[\s,]+/).map(readAddress)) };
}

function words(text = '', separator: RegExp): readonly string[] {
  return text.split(separator).filter((word) => word !== '');
}

const SECRET = /^(?<host>[^=\s]{1,261})=whsec_(?<secret>[A-Za-z0-9+/]{32,88}={0,2})$/;

function readSecret(entry: string, index: number): readonly [host: string, secret: Uint8Array] {
  const { host = '', secret = '' } = SECRET.exec(entry)?.groups ?? {};
  const bytes = Buffer.from(secret, 'base64');
  if (host === '' || bytes.length < 24 || bytes.length > 64) {
    throw new NonRetryableError(
      `Webhooks cannot be signed: entry ${index + 1} of WEBHOOK_SECRETS is not of the form hooks.example.com=whsec_… with 24 to 64 bytes in base64`,
    );
  }
  return [host.toLowerCase(), bytes];
}

function readAddress(text: string): string {
  if (isIP(text) === 4) return text;
  // As names are resolved to it, and as URLs show it.
  if (isIP(text) === 6 && !text.includes('%')) return new URL(`http://[${text}]`).hostname.slice(1, -1);
  throw new NonRetryableError('ERRAND_WEBHOOK_ALLOW must be IP addresses, separated by commas, such as 127.0.0.1,::1');
}
