import { nodeCrypto } from '../../../timing/node-crypto.js';

/** Crockford's base 32 in lower case: ids sort as their bytes do. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_CHARS = 10;
const RANDOM_CHARS = 16;

/**
 * The id of the job of a run. A generated id is nobody else's, and is it itself; a caller's never is: one such as `wait`
 * would break BullMQ's queue for all its other jobs, and a job of the run that it replaces may still be there. It stands
 * in the second part, so that a job always says whose it is.
 *
 * @param now epoch milliseconds: job ids sort by time, roughly.
 */
export function jobIdOf(run: { readonly id: string; readonly idIsNew: boolean }, now: number): string {
  return run.idIsNew ? run.id : `${freshId(now)}.${Buffer.from(run.id).toString('base64url')}`;
}

/** The run whose job this is. */
export function runIdOf(jobId: string): string {
  const at = jobId.indexOf('.');
  return at < 0 ? jobId : Buffer.from(jobId.slice(at + 1), 'base64url').toString();
}

function freshId(now: number): string {
  let id = '';
  for (let rest = now; id.length < TIME_CHARS; rest = Math.floor(rest / 32)) id = (ALPHABET[rest % 32] ?? '') + id;
  for (const byte of nodeCrypto().randomBytes(RANDOM_CHARS)) id += ALPHABET[byte % 32] ?? '';
  return id;
}
