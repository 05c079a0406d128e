import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { NonRetryableError } from 'errand';
import { isPublicAddress } from './public-address.js';

/** Ports of public addresses that may be called. */
const PORTS: readonly string[] = ['80', '443', '8080', '8443'];

/** Finds all addresses of a name, as Node's `dns.lookup` does. */
export type FindAddresses = (
  name: string,
  options: { readonly all: true },
  done: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

/** What {@link guard} goes by. */
export interface GuardOptions {
  /** Addresses that may be called though they are not public, on any port. */
  readonly allowed: ReadonlySet<string>;
  /** For tests: the computer's own unless given. */
  readonly findAddresses?: FindAddresses;
}

/**
 * Looks after the addresses that a URL leads to. A host that is an address is checked at once. For a name it gives the
 * function that a connection finds its addresses with: they are checked there, where they are used, so that a name
 * cannot lead elsewhere between the check and the call. One address that is refused is enough to refuse the name.
 *
 * @throws {NonRetryableError} NON_RETRYABLE when the host is an address that may not be called.
 */
export function guard(url: URL, { allowed, findAddresses = systemLookup }: GuardOptions): LookupFunction {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const mayCall = (address: string): boolean =>
    allowed.has(address) || (isPublicAddress(address) && PORTS.includes(port));
  if (isIP(host) !== 0 && !mayCall(host)) throw refusal();
  return (name, { all, family }, done) => {
    findAddresses(name, { all: true }, (error, found) => {
      if (error !== null) done(error, '');
      else if (!found.every(({ address }) => mayCall(address))) done(refusal(), '');
      else give(found, { all, family }, done);
    });
  };
}

type LookupOptions = Parameters<LookupFunction>[1];
type Done = Parameters<LookupFunction>[2];

/** Those of the family that the connection wants: all of them, or the first. */
function give(found: readonly LookupAddress[], { all, family }: LookupOptions, done: Done): void {
  const version = { IPv4: 4, IPv6: 6 }[String(family)] ?? family;
  const wanted = version === 4 || version === 6 ? found.filter((each) => each.family === version) : found;
  const [first] = wanted;
  if (first === undefined) done(Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' }), '');
  else if (all === true) done(null, [...wanted]);
  else done(null, first.address, first.family);
}

/** It does not say which address: names of a network that nobody else sees would be found out so. */
function refusal(): NonRetryableError {
  return new NonRetryableError(
    `The URL is refused: webhooks go to public addresses only, on port ${PORTS.slice(0, -1).join(', ')} or ${String(PORTS.at(-1))}. While developing, ERRAND_WEBHOOK_ALLOW=127.0.0.1 lets this computer through`,
  );
}
