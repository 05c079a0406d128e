import { checkLimit, checkOptions, show } from './checks.js';

/**
 * What `ctx.file` gives, for a handler to return: a file that is the result of its run. Plain JSON, the same on every
 * backend. The bytes are read with `run.file()`, or over HTTP under `/result`.
 */
export interface FileResult {
  /** What the store of the manager knows it by. It is no path, and is never shown over HTTP. */
  readonly file: string;
  /** What it is to be called where it is downloaded. */
  readonly name: string;
  /** Its media type. */
  readonly type: string;
  /** How long it is. */
  readonly bytes: number;
}

/** Where the bytes of a file come from: a Node or a web stream, a generator, or what is at hand already. Text is written as UTF-8. */
export type FileSource = AsyncIterable<Uint8Array | string> | Uint8Array | string;

/** What `ctx.file` takes beside a name and a source. */
export interface FileOptions {
  /** The media type, `'application/pdf'` or `'text/csv; charset=utf-8'`, say. Default `'application/octet-stream'`. */
  readonly type?: string;
  /** How many bytes it may have: at least 0, or `Infinity`. Default 1,073,741,824 (1 GiB). */
  readonly limitBytes?: number;
}

/** What a file is called, and what it may be: what was given, checked. */
export interface FileRequest {
  readonly name: string;
  readonly type: string;
  readonly limitBytes: number;
}

const MAX_NAME_LENGTH = 255;
const LIMIT_BYTES = 1_073_741_824;
const MEMBERS = 'bytes,file,name,type';

/** The name of a file with a label: see the port of files. */
const STORED = /^[0-9a-f]{32}\.[0-9A-Za-z_-]{2,214}$/;

/**
 * Control characters, the separators of paths, what breaks a line, halves of characters, and marks that make a name read
 * other than it is (`gpj.exe` as `exe.jpg`).
 */
// Control characters are what it is to find.
// eslint-disable-next-line no-control-regex
const NOT_IN_A_NAME = /[\u0000-\u001f\u007f-\u009f\ud800-\udfff/\\\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** As RFC 9110 has it, in visible ASCII. @see https://www.rfc-editor.org/rfc/rfc9110#name-media-type */
const MEDIA_TYPE =
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:; ?[!#$%&'*+.^_`|~0-9A-Za-z-]+=(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|"[ !#-[\]-~]*"))*$/;

/**
 * Checks what `ctx.file` was given, and fills the defaults in.
 *
 * @throws {TypeError|RangeError} when the name, the type or the limit is malformed, or an option unknown.
 */
export function fileRequest(name: unknown, options: FileOptions = {}): FileRequest {
  checkOptions("a file's options", options, ['type', 'limitBytes']);
  const { type = 'application/octet-stream', limitBytes = LIMIT_BYTES } = options;
  return { name: checkFileName(name), type: checkMediaType(type), limitBytes: checkLimit('limitBytes', limitBytes, 0) };
}

/** Whether `value` is what `ctx.file` gives, or was read back as. Never throws. */
export function isFileResult(value: unknown): value is FileResult {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  try {
    if (Object.keys(value).sort().join() !== MEMBERS) return false;
    const { file, name, type, bytes } = value as Record<keyof FileResult, unknown>;
    return typeof file === 'string' && STORED.test(file) && isFileName(name) && isMediaType(type) && isLength(bytes);
  } catch {
    return false; // a proxy, or a getter that throws
  }
}

function checkFileName(name: unknown): string {
  if (isFileName(name)) return name;
  throw new RangeError(
    `a file's name must be 1 to ${MAX_NAME_LENGTH} characters, and none of them a control character, / or \\; got ${show(name)}`,
  );
}

function checkMediaType(type: unknown): string {
  if (isMediaType(type)) return type;
  throw new RangeError(`type must be a media type, such as "application/pdf"; got ${show(type)}`);
}

function isFileName(name: unknown): name is string {
  if (typeof name !== 'string' || name.length === 0 || name.length > MAX_NAME_LENGTH) return false;
  return name !== '.' && name !== '..' && !NOT_IN_A_NAME.test(name);
}

function isMediaType(type: unknown): type is string {
  return typeof type === 'string' && type.length <= 255 && MEDIA_TYPE.test(type);
}

function isLength(bytes: unknown): bytes is number {
  return Number.isSafeInteger(bytes) && (bytes as number) >= 0;
}
