import { nodeCrypto } from '../timing/node-crypto.js';
import type { StoredRun } from '../ports/backend.js';

/**
 * What a run's handler sends along to systems that deduplicate: the same in every attempt of the run, and in no other
 * run. Two owners may choose the same key, and those systems do not know owners.
 */
export function effectKey({ id, owner, idempotencyKey, createdAt, ordinal }: StoredRun): string {
  // An id may be started again once it has ended.
  if (idempotencyKey === null) return `${id}:${createdAt.toString(36)}-${ordinal.toString(36)}`;
  if (owner === null) return idempotencyKey;
  return nodeCrypto()
    .createHash('sha256')
    .update(JSON.stringify([owner, idempotencyKey]))
    .digest('base64url');
}
