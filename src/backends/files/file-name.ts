import { randomBytes } from 'node:crypto';
import { MAX_LABEL_BYTES } from '../../ports/files.js';
import { show } from '../../task/checks.js';

/** The names that files get: nothing that a caller sends ever becomes part of a path. */
export const FILE_NAME = /^[0-9a-f]{32}(?:\.[0-9A-Za-z_-]{2,214})?$/;

/** The names of files without a label. */
export const PLAIN_NAME = /^[0-9a-f]{32}$/;

/** A new name. @throws {RangeError} when the label is empty or too long. */
export function newFileName(label: string | undefined): string {
  const name = randomBytes(16).toString('hex');
  if (label === undefined) return name;
  const bytes = Buffer.from(label);
  if (bytes.length > 0 && bytes.length <= MAX_LABEL_BYTES) return `${name}.${bytes.toString('base64url')}`;
  throw new RangeError(`label must be 1 to ${MAX_LABEL_BYTES} bytes of text; got ${show(label)}`);
}

/** The label of the file of this name; undefined where it has none. */
export function labelOf(name: string): string | undefined {
  if (!FILE_NAME.test(name) || PLAIN_NAME.test(name)) return undefined;
  return Buffer.from(name.slice(33), 'base64url').toString();
}
