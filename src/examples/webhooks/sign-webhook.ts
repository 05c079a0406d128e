import { createHmac } from 'node:crypto';

/** What a signature vouches for. */
export interface SignedParts {
  /** Without a dot: that separates the parts. */
  readonly id: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly body: string;
}

/**
 * The three headers of a call by Standard Webhooks, with a signature for each secret.
 *
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function signatureHeaders(parts: SignedParts, secrets: readonly Uint8Array[]): Readonly<Record<string, string>> {
  return {
    'webhook-id': parts.id,
    'webhook-timestamp': String(parts.timestamp),
    'webhook-signature': secrets.map((secret) => signature(parts, secret)).join(' '),
  };
}

function signature({ id, timestamp, body }: SignedParts, secret: Uint8Array): string {
  return `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}
