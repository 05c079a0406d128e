import { isUtf8 } from 'node:buffer';
import { promisify } from 'node:util';
import { brotliDecompress, unzip } from 'node:zlib';
import bodyParser from 'koa-bodyparser';
import type { Context, Middleware } from 'koa';
import { bodyStalled, DEFAULT_PATIENCE, StallTimer, type BodyPatience } from './body-patience.js';
import { checkDepth, checkTree } from './json-limits.js';
import { tooLarge } from './problem.js';
import { badRequest, RequestError } from './request-error.js';

/** The largest JSON body, in bytes, before and after it is unpacked. */
export const MAX_BODY_BYTES = 1_048_576;

/**
 * koa-bodyparser, made to hand out the bytes as they came: its own JSON mode takes a missing or wrong content type for
 * an empty object, accepts forms, and silently replaces what is no UTF-8.
 */
const readBytes: Middleware = bodyParser({
  enableTypes: ['text'],
  extendTypes: { text: ['application/json', 'application/*+json'] },
  textLimit: String(MAX_BODY_BYTES),
  // Not in its types: null leaves the bytes alone.
  ...{ encoding: null },
});

/**
 * Reads the request's body as JSON. One that a parser of the host has read already is taken from `ctx.request.body`.
 *
 * @throws {RequestError} 400 empty, no JSON, no UTF-8, nested deeper than 64, garbage where packed data was announced,
 * read and not kept; 408 where nothing more of it comes; 413 over 1 MiB; 415 not `application/json` (or `+json`) in UTF-8, or packed in an unknown way.
 */
export async function readJsonBody(ctx: Context, patience = DEFAULT_PATIENCE): Promise<unknown> {
  checkContentType(ctx.req.headers['content-type'] ?? '');
  if (isUnread(ctx)) {
    const bytes = await bytesOf(ctx, patience);
    const encoding = ctx.req.headers['content-encoding'];
    return parseBytes(encoding === undefined ? bytes : await unpack(bytes, encoding));
  }
  const read: unknown = ctx.request.body;
  if (read === undefined) throw readBefore();
  if (Buffer.isBuffer(read)) return parseBytes(read);
  if (typeof read === 'string') return parseText(read);
  if (ctx.request.rawBody === '' || ctx.get('Content-Length') === '0') throw badRequest('The body is empty');
  checkTree(read);
  return read;
}

/**
 * Whether nobody has read the body so far, whatever `ctx.request.body` says: parsers leave an empty object there of a
 * body that is none of theirs.
 */
export function isUnread({ req }: Context): boolean {
  return !req.readableDidRead && !req.readableEnded;
}

/** Something before the routes has read the body, and left nothing of it, or not all. */
export function readBefore(): RequestError {
  return badRequest('The body was read before it came here: mount these routes before whatever reads bodies');
}

/** @throws {RequestError} 415 unless the type is JSON and the charset, if any, is UTF-8. */
export function checkContentType(header: string): void {
  if (header === 'application/json') return;
  const [type = '', ...parameters] = header.toLowerCase().split(';');
  const isJson = /^application\/(?:[a-z0-9!#$&^_.-]{1,100}\+)?json$/.test(type.trim());
  if (isJson && isUtf8Charset(parameters)) return;
  throw new RequestError(415, 'UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json in UTF-8');
}

/** Whether the parameters of a content type, in lower case, name no charset but UTF-8. */
export function isUtf8Charset(parameters: readonly string[]): boolean {
  return parameters.every((parameter) => {
    const [name = '', value = ''] = parameter.split('=');
    return name.trim() !== 'charset' || ['utf-8', '"utf-8"', 'utf8', '"utf8"'].includes(value.trim());
  });
}

/**
 * The bytes as they were sent. Packed ones are not unpacked by the parser: it pipes them into a stream that nobody
 * listens to once it has given up, and a late error in it would end the process.
 */
async function bytesOf(ctx: Context, patience: BodyPatience): Promise<Buffer> {
  const { headers } = ctx.req;
  // The parser counts in 32 bits.
  if (Number(headers['content-length']) > MAX_BODY_BYTES) throw tooLarge(MAX_BODY_BYTES);
  const packed = headers['content-encoding'];
  if (packed !== undefined) headers['content-encoding'] = 'identity';
  // What a parser of the host has left, and what has switched that one off, would stop this one.
  ctx.request.body = undefined;
  ctx['disableBodyParser'] = false;
  try {
    await readInTime(ctx, patience);
  } catch (error) {
    throw toBodyError(error);
  } finally {
    if (packed !== undefined) headers['content-encoding'] = packed;
  }
  const bytes: unknown = ctx.request.body;
  return Buffer.isBuffer(bytes) ? bytes : EMPTY;
}

const EMPTY = Buffer.alloc(0);

/** The parser goes on waiting where this has given up, until the connection ends with the answer. */
async function readInTime(ctx: Context, patience: BodyPatience): Promise<void> {
  const { req } = ctx;
  let giveUp: (error: RequestError) => void = () => undefined;
  const stalled = new Promise<never>((_resolve, reject) => (giveUp = reject));
  const timer = new StallTimer(patience, () => giveUp(bodyStalled()));
  const onData = (): void => timer.wait();
  timer.wait();
  try {
    const read: unknown = readBytes(ctx, nothing); // begins to read
    req.on('data', onData);
    await Promise.race([read, stalled]);
  } finally {
    timer.stop();
    req.off('data', onData);
  }
}

async function nothing(): Promise<void> {
  // the parser wants something to go on with
}

function toBodyError(error: unknown): unknown {
  if (error instanceof RequestError) return error;
  const status: unknown = error instanceof Error ? Reflect.get(error, 'status') : undefined;
  if (status === 413) return tooLarge(MAX_BODY_BYTES);
  return badRequest('The body could not be read');
}

const unpackZlib = promisify<Buffer, { maxOutputLength: number }, Buffer>(unzip);
const unpackBrotli = promisify<Buffer, { maxOutputLength: number }, Buffer>(brotliDecompress);

async function unpack(bytes: Buffer, encoding: string): Promise<Buffer> {
  const how = encoding.trim().toLowerCase();
  if (how === '' || how === 'identity') return bytes;
  const unpacker = how === 'br' ? unpackBrotli : ['gzip', 'x-gzip', 'deflate'].includes(how) ? unpackZlib : undefined;
  if (!unpacker)
    throw new RequestError(415, 'UNSUPPORTED_MEDIA_TYPE', 'The body may be packed with gzip, deflate or br');
  try {
    return await unpacker(bytes, { maxOutputLength: MAX_BODY_BYTES });
  } catch (error) {
    if (Reflect.get(Object(error), 'code') === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(MAX_BODY_BYTES);
    throw badRequest('The body is not packed as Content-Encoding says');
  }
}

function parseBytes(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw badRequest('The body is not UTF-8');
  const text = bytes.toString();
  return parseText(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
}

function parseText(text: string): unknown {
  if (text === '') throw badRequest('The body is empty');
  checkDepth(text);
  const value = parseJson(text);
  // Only a text that could name it is searched for it.
  if (text.includes('__proto__') || text.includes('\\u')) checkTree(value);
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest('The body is not JSON'); // the parser's own message quotes the body
  }
}
