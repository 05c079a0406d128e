import type { RunParent } from '../../../ports/new-run.js';
import type { Checkpoint } from '../../../ports/checkpoint.js';
import { CRASH_DEFAULTS } from '../../../task/crash-policy.js';
import type { Progress } from '../../../task/run.js';
import { decodeValue } from '../../../task/stored-value.js';
import { type AttemptsState, NO_ATTEMPTS, type RunOrigin } from './fleet-run.js';
import { runIdOf } from './job-id.js';
import { readLaneName } from './lane-name.js';
import { foreign, FORM, parseJson, TextMembers } from '../book/text-members.js';

/** Which job of which lane a text is of. */
export interface JobAddress {
  readonly lane: string;
  readonly jobId: string;
}

/** How an attempt ended that returned a value, or was cancelled: what BullMQ keeps as the job's return value. */
export interface KeptResult {
  /** As `encodeValue` writes it: null is undefined. */
  readonly valueText: string | null;
  /** The run was cancelled, and this is the value that it keeps. */
  readonly cancelled: boolean;
  readonly abandoned: boolean;
  readonly startedAt: number | null;
  readonly at: number;
}

/** How far an attempt has come: BullMQ's progress of a job bears no token, so ours says of which delivery it is. */
export interface KeptProgress {
  readonly delivery: number;
  readonly progress: Progress;
  /** Of the run, with it. */
  readonly version: number;
  readonly at: number;
}

/**
 * The data of a run's job. What callers gave stands in it as text within JSON: PostgreSQL's own JSON refuses some of
 * what JavaScript's can say, such as NUL.
 */
export function originText(origin: RunOrigin): string {
  return JSON.stringify(originMembers(origin));
}

/** What {@link originText} writes, as an object; what most runs do not have is left out. */
export function originMembers(origin: RunOrigin): object {
  return {
    errand: FORM,
    ordinal: origin.ordinal,
    createdAt: origin.createdAt,
    ...(origin.inputText !== null && { input: origin.inputText }),
    ...(origin.priority !== 0 && { priority: origin.priority }),
    ...(origin.maxAttempts !== 1 && { maxAttempts: origin.maxAttempts }),
    ...(origin.onCrash !== CRASH_DEFAULTS.onCrash && { onCrash: origin.onCrash }),
    ...(origin.maxCrashes !== CRASH_DEFAULTS.maxCrashes && { maxCrashes: origin.maxCrashes }),
    ...(origin.tags.length > 0 && { tags: origin.tags }),
    ...(origin.owner !== null && { owner: origin.owner }),
    ...(origin.idempotencyKey !== null && { key: origin.idempotencyKey }),
    ...(origin.redriveOf !== null && { redriveOf: origin.redriveOf }),
    ...(origin.parent !== null && { parent: origin.parent }),
    ...(origin.hardLimitMs !== null && { hardLimitMs: origin.hardLimitMs }),
    ...(origin.checkpointText !== null && { checkpoint: origin.checkpointText }),
    ...(origin.versionBase !== 0 && { versionBase: origin.versionBase }),
    ...(origin.dueAt !== null && { dueAt: origin.dueAt }),
    ...(origin.expiresAt !== null && { expiresAt: origin.expiresAt }),
  };
}

/** Reads what {@link originText} wrote. @throws {TaskError} BACKEND when it is anything else. */
export function readOrigin(address: JobAddress, text: string): RunOrigin {
  return readOriginMembers(address, TextMembers.parse(nameOf(address), text));
}

/** Reads what {@link originMembers} wrote. @throws {TaskError} BACKEND when it is anything else. */
export function readOriginMembers({ lane, jobId }: JobAddress, members: TextMembers): RunOrigin {
  const { queue, kind, task } = readLaneName(lane);
  return {
    id: runIdOf(jobId),
    jobId,
    lane,
    kind,
    task,
    queue,
    inputText: members.textOrNull('input'),
    priority: members.integer('priority', 0),
    maxAttempts: members.integer('maxAttempts', 1),
    onCrash: members.oneOf('onCrash', ['retry', 'fail'], CRASH_DEFAULTS.onCrash),
    maxCrashes: members.integer('maxCrashes', CRASH_DEFAULTS.maxCrashes),
    tags: members.texts('tags'),
    owner: members.textOrNull('owner'),
    idempotencyKey: members.textOrNull('key'),
    redriveOf: members.textOrNull('redriveOf'),
    parent: readParent(members.inner('parent')),
    hardLimitMs: members.numberOrNull('hardLimitMs'),
    checkpointText: members.textOrNull('checkpoint'),
    ordinal: members.integer('ordinal'),
    versionBase: members.integer('versionBase', 0),
    createdAt: members.number('createdAt'),
    dueAt: members.numberOrNull('dueAt'),
    expiresAt: members.numberOrNull('expiresAt'),
  };
}

/** @throws {TaskError} BACKEND when it is anything else. */
function readParent(members: TextMembers | undefined): RunParent | null {
  if (members === undefined) return null;
  return {
    id: members.text('id'),
    ordinal: members.integer('ordinal'),
    depth: members.integer('depth'),
    key: members.textOrNull('key'),
  };
}

/** What a job's `failedReason` is, and the text of a held attempt. */
export function attemptsText(state: AttemptsState): string {
  return JSON.stringify({
    errand: FORM,
    used: state.used,
    attempt: state.attempt,
    delivery: state.delivery,
    stallsBefore: state.stallsBefore,
    at: state.at,
    ...(state.startedAt !== null && { startedAt: state.startedAt }),
    ...(state.delays > 0 && { delays: state.delays }),
    ...(state.dueAt !== null && { dueAt: state.dueAt }),
    ...(state.error !== null && { error: state.error }),
    ...(state.causeText !== null && { cause: state.causeText }),
    ...(state.failures.length > 0 && { failures: state.failures }),
  });
}

/**
 * Reads what {@link attemptsText} wrote.
 *
 * @param text null, undefined and nothing: there was no attempt yet.
 * @throws {TaskError} BACKEND when it is anything else.
 */
export function readAttempts(address: JobAddress, text: string | null | undefined): AttemptsState {
  if (text === undefined || text === null || text === '') return NO_ATTEMPTS;
  const members = TextMembers.parse(`Why ${nameOf(address)} failed`, text);
  return {
    used: members.integer('used'),
    attempt: members.integer('attempt'),
    delivery: members.integer('delivery'),
    startedAt: members.numberOrNull('startedAt'),
    delays: members.integer('delays', 0),
    failures: members.failures('failures'),
    error: members.error('error'),
    causeText: members.textOrNull('cause'),
    dueAt: members.numberOrNull('dueAt'),
    stallsBefore: members.integer('stallsBefore'),
    at: members.number('at'),
  };
}

/** What `moveToCompleted` is given as the return value, to be written as JSON. */
export function resultMembers(result: KeptResult): object {
  return {
    errand: FORM,
    at: result.at,
    ...(result.valueText !== null && { value: result.valueText }),
    ...(result.startedAt !== null && { startedAt: result.startedAt }),
    ...(result.cancelled && { cancelled: true }),
    ...(result.abandoned && { abandoned: true }),
  };
}

/** Reads what {@link resultMembers} wrote, as `getJobData` gives it. @throws {TaskError} BACKEND when it is anything else. */
export function readResult(address: JobAddress, text: string): KeptResult {
  const members = TextMembers.parse(`What ${nameOf(address)} returned`, text);
  return {
    valueText: members.textOrNull('value'),
    cancelled: members.flag('cancelled'),
    abandoned: members.flag('abandoned'),
    startedAt: members.numberOrNull('startedAt'),
    at: members.number('at'),
  };
}

/** What `updateProgress` is given: a text, for a note may hold anything. */
export function progressText({ delivery, progress, version, at }: KeptProgress): string {
  return JSON.stringify({ errand: FORM, delivery, version, at, ...plain(progress) });
}

/**
 * Reads what {@link progressText} wrote, as `getJobData` gives it.
 *
 * @returns undefined where there is none. @throws {TaskError} BACKEND when it is anything else.
 */
export function readProgress(address: JobAddress, kept: unknown): KeptProgress | undefined {
  if (kept === undefined || kept === null || kept === 0) return undefined;
  const what = `The progress of ${nameOf(address)}`;
  if (typeof kept !== 'string') throw foreign(what, 'it is no text');
  const members = TextMembers.parse(what, kept);
  return {
    delivery: members.integer('delivery'),
    progress: readProgressMembers(members),
    version: members.integer('version'),
    at: members.number('at'),
  };
}

/** Reads done, total and note. @throws {TaskError} BACKEND when they are anything else. */
export function readProgressMembers(members: TextMembers): Progress {
  return { done: members.number('done'), total: members.numberOrNull('total'), note: members.textOrNull('note') };
}

/** A progress without the members that are null. */
export function plain({ done, total, note }: Progress): object {
  return { done, ...(total !== null && { total }), ...(note !== null && { note }) };
}

/** Reads a checkpoint's text. @throws {TaskError} BACKEND when it is none. */
export function readCheckpoint(address: JobAddress, text: string | null): Checkpoint | null {
  return text === null ? null : (readValue(address, text) as Checkpoint);
}

/** Reads a value's text: null is undefined. @throws {TaskError} BACKEND when it is none. */
export function readValue(address: JobAddress, text: string | null): unknown {
  if (text !== null) parseJson(`A value of ${nameOf(address)}`, text);
  try {
    return decodeValue(text);
  } catch {
    throw foreign(`A value of ${nameOf(address)}`, 'it has a mark that is unknown');
  }
}

/** What a job is called in messages. */
export function nameOf({ lane, jobId }: JobAddress): string {
  return `job ${jobId} of queue ${lane}`;
}
