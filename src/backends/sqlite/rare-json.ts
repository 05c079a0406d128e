import type { RunParent } from '../../ports/new-run.js';
import type { Checkpoint } from '../../ports/checkpoint.js';
import type { CancelledRequest, RunError, RunFailure } from '../../task/run.js';
import { CRASH_DEFAULTS, type CrashPolicy } from '../../task/crash-policy.js';
import { isFinal } from '../../task/status.js';
import { decodeValue } from '../../task/stored-value.js';
import { causeText } from '../live/stored-values.js';
import type { StoredRecord } from './stored-record.js';

/** What most runs never have: one column for all of it, which is null for those. */
export interface RareJson {
  readonly tags?: readonly string[];
  readonly owner?: string;
  readonly key?: string;
  readonly redriveOf?: string;
  readonly redrivenBy?: string;
  readonly parent?: RunParent;
  readonly hardLimitMs?: number;
  readonly checkpoint?: string;
  readonly steps?: true;
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
  const { rare, status, crashes, policy, checkpointText, hasSteps } = record;
  const plain =
    crashes === 0 && policy.onCrash === CRASH_DEFAULTS.onCrash && policy.maxCrashes === CRASH_DEFAULTS.maxCrashes;
  if (rare === null && plain) return null;
  const json: RareJson = {
    ...(rare !== null && stateOf(record)),
    ...(checkpointText !== null && { checkpoint: checkpointText }),
    ...(hasSteps && !isFinal(status) && { steps: true }),
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
    ...(rare.parent !== null && { parent: rare.parent }),
    ...(rare.hardLimitMs !== null && { hardLimitMs: rare.hardLimitMs }),
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
  const text = causeText(cause);
  return text === null ? {} : { cause: text };
}

/** Reads what {@link writeRare} wrote. */
export function parseRare(text: string | null): RareJson | null {
  return text === null ? null : (JSON.parse(text) as RareJson);
}

/** Gives a record that was just made what was rare about it. */
export function restoreRare(record: StoredRecord, json: RareJson | null): void {
  if (json === null) return;
  const rare = record.seldom;
  record.crashes = json.crashes ?? 0;
  rare.redrivenBy = json.redrivenBy ?? null;
  record.checkpointText = json.checkpoint ?? null;
  rare.checkpoint = json.checkpoint === undefined ? null : (decodeValue(json.checkpoint) as Checkpoint);
  record.hasSteps = json.steps ?? false;
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
export interface RareOrigin extends CrashPolicy {
  readonly tags: readonly string[];
  readonly owner: string | null;
  readonly key: string | null;
  readonly redriveOf: string | null;
  readonly parent: RunParent | null;
  readonly hardLimitMs: number | null;
}

const PLAIN: RareOrigin = {
  tags: [],
  owner: null,
  key: null,
  redriveOf: null,
  parent: null,
  hardLimitMs: null,
  ...CRASH_DEFAULTS,
};

/** The part that a record is made with. */
export function originOf(json: RareJson | null): RareOrigin {
  if (json === null) return PLAIN;
  const { tags = [], owner = null, key = null, redriveOf = null, onCrash = 'retry', maxCrashes } = json;
  const { parent = null, hardLimitMs = null } = json;
  return {
    ...{ tags, owner, key, redriveOf, parent, hardLimitMs, onCrash },
    maxCrashes: maxCrashes ?? CRASH_DEFAULTS.maxCrashes,
  };
}
