import type { Context } from 'koa';
import { show } from '../task/checks.js';
import { RequestError } from './request-error.js';

/** Methods that change nothing. A page of another site may send them, but cannot read the answer. */
const SAFE: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];
/** What browsers say of requests that no other site can have asked for: by the site itself, or by the user. */
const OWN: readonly string[] = ['same-origin', 'none'];

/**
 * Lets no page of another origin use the session of whoever has it open: some requests that change something are sent
 * by browsers without asking first. What says nothing of where it comes from is no page, and is let through.
 *
 * @throws {RequestError} 403
 * @see https://pkg.go.dev/net/http#CrossOriginProtection
 */
export function refuseOtherSites(ctx: Context, allowedOrigins: ReadonlySet<string>): void {
  if (SAFE.includes(ctx.method)) return;
  const { origin, 'sec-fetch-site': site } = ctx.req.headers;
  if (origin !== undefined && allowedOrigins.has(origin)) return;
  if (site === undefined ? origin === undefined || isOwn(origin, ctx.host) : isOneOf(OWN, site)) return;
  throw new RequestError(403, 'FORBIDDEN', 'Pages of other sites may not start or change anything here');
}

/**
 * @throws {TypeError} when the origins are no array of strings.
 * @throws {RangeError} when one of them is not as browsers write it: `https://app.example`.
 */
export function checkOrigins(origins: unknown): ReadonlySet<string> {
  if (!Array.isArray(origins)) throw new TypeError(`allowedOrigins must be an array of strings; got ${show(origins)}`);
  return new Set(Array.from(origins, checkOrigin));
}

function checkOrigin(origin: unknown): string {
  if (typeof origin !== 'string') throw new TypeError(`an allowed origin must be a string; got ${show(origin)}`);
  if (URL.canParse(origin)) {
    const { protocol, host } = new URL(origin);
    if (host !== '' && origin === `${protocol}//${host}`) return origin;
  }
  throw new RangeError(
    `an allowed origin must be a scheme, a host and a port where it is not the usual one, as in https://app.example; got ${show(origin)}`,
  );
}

/** Whether the origin has the host that the request was sent to. Which port is left out depends on the origin's scheme. */
function isOwn(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host: originHost } = new URL(origin);
  const own = `${protocol}//${host}`;
  return originHost !== '' && URL.canParse(own) && new URL(own).host === originHost;
}

function isOneOf(words: readonly string[], header: string | string[]): boolean {
  return typeof header === 'string' && words.includes(header);
}
