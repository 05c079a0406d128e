import type { CancelledRequest, RunError, RunFailure } from '../../task/run.js';
import { CRASH_DEFAULTS } from '../../task/crash-policy.js';
import { decodeValue, encodeValue } from '../../task/stored-value.js';
import type { StoredRecord } from './stored-record.js';

/** What most runs never have: one column for all of it, which is null for those. */
interface RareJson {
  readonly tags?: readonly string[];
  readonly owner?: string;
  readonly key?: string;
  readonly redriveOf?: string;
  readonly redrivenBy?: string;
  readonly dueAt?: number;
  readonly expiresAt?: number;
  readonly repeat?: true;
  readonly delays?: number;
  readonly cancelRequestedAt?: number;
  readonly cancel?: CancelledRequest;
  readonly abandoned?: true;
  readonly error?: RunError;
  readonly cause?: string;
  readonly failures?: readonly RunFailure[];
  readonly crashes?: number;
  readonly onCrash?: 'fail';
  readonly maxCrashes?: number;
}

/** Writes what is rare about a run; null where nothing is. */
export function writeRare(record: StoredRecord): string | null {
  const { rare, crashes, policy } = record;
  const plain =
    crashes === 0 && policy.onCrash === CRASH_DEFAULTS.onCrash && policy.maxCrashes === CRASH_DEFAULTS.maxCrashes;
  if (rare === null && plain) return null;
  const json: RareJson = {
    ...(rare !== null && stateOf(record)),
    ...(crashes > 0 && { crashes }),
    ...(policy.onCrash === 'fail' && { onCrash: 'fail' }),
    ...(policy.maxCrashes !== CRASH_DEFAULTS.maxCrashes && { maxCrashes: policy.maxCrashes }),
  };
  return JSON.stringify(json);
}

function stateOf(record: StoredRecord): RareJson {
  const { seldom: rare } = record;
  return {
    ...(rare.tags.length > 0 && { tags: rare.tags }),
    ...(rare.owner !== null && { owner: rare.owner }),
    ...(rare.idempotencyKey !== null && { key: rare.idempotencyKey }),
    ...(rare.redriveOf !== null && { redriveOf: rare.redriveOf }),
    ...(rare.redrivenBy !== null && { redrivenBy: rare.redrivenBy }),
    ...(rare.dueAt !== null && { dueAt: rare.dueAt }),
    ...(rare.expiresAt !== null && { expiresAt: rare.expiresAt }),
    ...(rare.repeat && { repeat: true }),
    ...(rare.delays > 0 && { delays: rare.delays }),
    ...(rare.cancelRequestedAt !== null && { cancelRequestedAt: rare.cancelRequestedAt }),
    ...(rare.cancel !== null && { cancel: rare.cancel }),
    ...(rare.abandoned && { abandoned: true }),
    ...(rare.error !== null && { error: rare.error, ...causeOf(rare.cause) }),
    ...(rare.failures.length > 0 && { failures: rare.failures }),
  };
}

/** What the handler threw, as far as it can be kept; its name and message are in the error anyway. */
function causeOf(cause: unknown): { cause?: string } {
  const encoded = encodeValue(cause);
  return encoded.ok && encoded.text !== null ? { cause: encoded.text } : {};
}

/** Reads what {@link writeRare} wrote into a record that was just made. */
export function readRare(record: StoredRecord, text: string | null): void {
  if (text === null) return;
  const json = JSON.parse(text) as RareJson;
  const rare = record.seldom;
  record.crashes = json.crashes ?? 0;
  rare.redrivenBy = json.redrivenBy ?? null;
  rare.dueAt = json.dueAt ?? null;
  rare.expiresAt = json.expiresAt ?? null;
  rare.repeat = json.repeat ?? false;
  rare.delays = json.delays ?? 0;
  rare.cancelRequestedAt = json.cancelRequestedAt ?? null;
  rare.cancel = json.cancel ?? null;
  rare.abandoned = json.abandoned ?? false;
  rare.error = json.error ?? null;
  rare.cause = json.cause === undefined ? undefined : decodeValue(json.cause);
  rare.failures = json.failures ?? rare.failures;
}

/** The part that a record is made with. */
export function readOrigin(text: string | null): {
  tags: readonly string[];
  owner: string | null;
  key: string | null;
  redriveOf: string | null;
  onCrash: 'retry' | 'fail';
  maxCrashes: number;
} {
  const json = (text === null ? {} : JSON.parse(text)) as RareJson;
  const { tags = [], owner = null, key = null, redriveOf = null, onCrash = 'retry' } = json;
  return { tags, owner, key, redriveOf, onCrash, maxCrashes: json.maxCrashes ?? CRASH_DEFAULTS.maxCrashes };
}
