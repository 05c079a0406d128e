import type { Context } from 'koa';
import { isIdempotencyKey, isName } from '../task/checks.js';
import { badRequest } from './request-error.js';

/**
 * The query, decoded. Stricter than Koa's: nothing malformed is guessed at, and only values named in `repeatable` may
 * come more than once; these are always lists.
 *
 * @throws {RequestError} 400 when it cannot be decoded, or a value comes twice.
 */
export function readQuery(ctx: Context, repeatable?: string): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {};
  if (ctx.querystring === '') return query;
  for (const pair of ctx.querystring.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : decode(pair.slice(equals + 1));
    add(query, { name, value, repeatable });
  }
  return query;
}

/** @throws {RequestError} 400 when there is any query: this row takes none. */
export function refuseQuery(ctx: Context): void {
  if (ctx.querystring !== '') throw badRequest('This request takes no query');
}

/** @throws {RequestError} 400 when the id, or name, in the path is malformed. */
export function readPathName(ctx: Context, parameter: 'id' | 'task'): string {
  // Koa's router sets it, and leaves what it cannot decode as it came.
  const value: unknown = (ctx['params'] as Record<string, unknown>)[parameter];
  if (isName(value)) return value;
  throw badRequest(`The ${parameter} in the path is malformed`);
}

/**
 * The `Idempotency-Key`, bare or quoted as a structured field; undefined without one.
 *
 * @throws {RequestError} 400 unless it is 1 to 255 visible ASCII characters.
 */
export function readIdempotencyKey(ctx: Context): string | undefined {
  const header = ctx.req.headers['idempotency-key'];
  if (header === undefined) return undefined;
  const key = typeof header === 'string' ? unquote(header) : undefined;
  if (isIdempotencyKey(key)) return key;
  throw badRequest('The Idempotency-Key must be 1 to 255 visible ASCII characters');
}

function unquote(header: string): string | undefined {
  if (!header.startsWith('"')) return header;
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(header);
  return quoted?.[1]?.replaceAll(/\\(["\\])/g, '$1');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw badRequest('The query is malformed');
  }
}

function add(
  query: Record<string, string | string[]>,
  { name, value, repeatable }: { name: string; value: string; repeatable: string | undefined },
): void {
  const earlier = Object.hasOwn(query, name) ? query[name] : undefined;
  if (name === '__proto__') throw badRequest('The query is malformed');
  if (name !== repeatable) {
    if (earlier !== undefined) throw badRequest('A query value comes more than once');
    query[name] = value;
  } else if (Array.isArray(earlier)) earlier.push(value);
  else query[name] = [value];
}
