import type { JobJson } from 'bullmq';
import type { KeptCancel, Note, Place } from '../book/book.js';
import { type AttemptsState, FleetRun, type RunOrigin, type RunState } from './fleet-run.js';
import {
  type KeptProgress,
  readAttempts,
  readCheckpoint,
  readOrigin,
  readProgress,
  readResult,
  readValue,
} from './run-texts.js';
import { STEP, versionOf } from './run-version.js';

/** What was read of a run whose end is not in the book. */
export interface SeenJob {
  readonly place: Pick<Place, 'jobId' | 'lane'>;
  readonly job: JobJson;
  /** As BullMQ calls it. */
  readonly state: string;
  readonly note: Note | undefined;
}

/** The same, each text read. */
interface ReadJob extends SeenJob {
  readonly origin: RunOrigin;
  readonly attempts: AttemptsState;
  /** How often it was delivered. */
  readonly delivery: number;
  /** It is the book that says how the last attempt ended: its handler was still at work then. */
  readonly noted: boolean;
  /** Of the present or last delivery. */
  readonly progress: KeptProgress | undefined;
}

type LastState = Pick<RunState, 'delays' | 'dueAt' | 'error' | 'cause' | 'failures' | 'redrivenBy' | 'checkpoint'>;

/**
 * Says in our words how a run is, from what BullMQ and the book say of it.
 *
 * A cancel of a job that waits has ended it, whoever of the fleet has yet to book that: such a run is `cancelled` here.
 *
 * @throws {TaskError} BACKEND when the job is none of ours.
 */
export function runOfJob(seen: SeenJob, now: number): FleetRun {
  const read = readJob(seen);
  const { origin } = read;
  const input = (): unknown => readValue(seen.place, origin.inputText);
  if (read.job.finishedOn !== undefined) return new FleetRun(origin, endedState(read), input);
  const isRunning = seen.state === 'active' && !read.noted;
  if (isRunning) return new FleetRun(origin, runningState(read), input);
  const waiting = new FleetRun(origin, waitingState(read, now), input);
  return seen.note?.cancel ? cancelledRun(waiting, seen.note.cancel, read.delivery) : waiting;
}

/**
 * The same for people: before the cancel of a waiting job is booked, whoever takes that job to discard it shows it once
 * more as one that is being cancelled. So it has not ended for anybody yet: a final status that was seen stays.
 */
export function shownRun(seen: SeenJob, now: number): FleetRun {
  const cancel = seen.note?.cancel;
  const run = runOfJob(seen, now);
  if (!cancel || run.status !== 'cancelled' || seen.job.finishedOn !== undefined) return run;
  const waiting = runOfJob({ ...seen, note: { ...seen.note, cancel: null } }, now);
  const delivery = seen.job.attemptsStarted;
  return delivery === 0 ? waiting : cancellingRun(waiting, cancel, delivery);
}

/** A waiting run that was cancelled; a handler of an attempt that had ended may still be at work. */
export function cancelledRun({ origin, state }: FleetRun, cancel: KeptCancel, delivery: number): FleetRun {
  const at = Math.max(cancel.at, state.updatedAt);
  const cancelled: RunState = {
    ...state,
    status: 'cancelled',
    version: versionOf(origin.versionBase, delivery, STEP.final),
    updatedAt: at,
    finishedAt: at,
    cancel,
    result: state.checkpoint?.soFar,
    active: state.abandoned,
  };
  return new FleetRun(origin, cancelled, () => undefined);
}

/** A running run that is to be cancelled. */
export function cancellingRun(run: FleetRun, cancel: KeptCancel, delivery: number): FleetRun {
  const { origin, state } = run;
  const version = Math.max(state.version, versionOf(origin.versionBase, delivery, STEP.cancelling));
  const updatedAt = Math.max(cancel.at, state.updatedAt);
  return new FleetRun(origin, { ...state, status: 'cancelling', version, updatedAt, cancel }, () => run.input);
}

function readJob(seen: SeenJob): ReadJob {
  const { place, job, note } = seen;
  const delivery = job.attemptsStarted;
  const held = note?.held ? readAttempts(place, note.held) : undefined;
  const noted = held?.delivery === delivery ? held : undefined;
  const progress = readProgress(place, job.progress);
  return {
    ...seen,
    origin: readOrigin(place, job.data),
    attempts: noted ?? lastAttempts(seen),
    delivery,
    noted: noted !== undefined,
    progress: progress?.delivery === delivery ? progress : undefined,
  };
}

/** A process that has died may have left more in the book than the job says. */
function lastAttempts({ place, job, note }: SeenJob): AttemptsState {
  const told = readAttempts(place, job.failedReason);
  const left = note?.left ? readAttempts(place, note.left) : undefined;
  return left !== undefined && left.at > told.at ? left : told;
}

/** What the attempts so far have left, whatever the status is. */
function lastState({ place, origin, attempts, note }: ReadJob): LastState {
  return {
    delays: attempts.delays,
    dueAt: attempts.dueAt ?? origin.dueAt,
    error: attempts.error,
    cause: readValue(place, attempts.causeText),
    failures: attempts.failures,
    redrivenBy: note?.redrivenBy ?? null,
    checkpoint: readCheckpoint(place, note?.checkpoint ?? origin.checkpointText),
  };
}

function endedState(read: ReadJob): RunState {
  const { place, job, origin, attempts, delivery, note } = read;
  const last = lastState(read);
  const result = isThere(job.returnvalue) ? readResult(place, job.returnvalue) : undefined;
  const at = result?.at ?? attempts.at;
  return {
    ...last,
    status: result === undefined ? 'failed' : result.cancelled ? 'cancelled' : 'completed',
    // A redriven run is another one for whoever compares versions.
    version: versionOf(origin.versionBase, delivery, STEP.final) + (last.redrivenBy === null ? 0 : 1),
    attempt: result === undefined ? attempts.attempt : attempts.used + 1,
    progress: read.progress?.progress ?? null,
    startedAt: result === undefined ? attempts.startedAt : result.startedAt,
    updatedAt: at,
    finishedAt: at,
    cancel: result?.cancelled === true ? (note?.cancel ?? { at, by: 'caller', reason: null }) : null,
    abandoned: result?.abandoned ?? false,
    result: readValue(place, result?.valueText ?? null),
    active: false,
  };
}

/** BullMQ's JSON says null where nothing was returned yet. */
function isThere(returnvalue: string | undefined): returnvalue is string {
  return returnvalue !== undefined && returnvalue !== '' && returnvalue !== 'null';
}

function runningState(read: ReadJob): RunState {
  const { origin, attempts, delivery, note, progress, job } = read;
  const begunAt = job.processedOn ?? origin.createdAt;
  const running: RunState = {
    ...lastState(read),
    status: 'running',
    version: progress?.version ?? versionOf(origin.versionBase, delivery, STEP.begun),
    attempt: attempts.used + 1,
    progress: progress?.progress ?? null,
    startedAt: begunAt,
    updatedAt: Math.max(begunAt, progress?.at ?? 0),
    finishedAt: null,
    cancel: null,
    abandoned: false,
    result: undefined,
    active: true,
  };
  if (!note?.cancel) return running;
  return cancellingRun(new FleetRun(origin, running, () => undefined), note.cancel, delivery).state;
}

function waitingState(read: ReadJob, now: number): RunState {
  const { origin, attempts, delivery, job } = read;
  if (isUnsettled(read)) {
    return betweenState(read, { status: 'queued', step: STEP.queued, updatedAt: job.processedOn ?? origin.createdAt });
  }
  const dueAt = delivery === 0 ? origin.dueAt : attempts.dueAt;
  const isHeld = read.noted && read.state === 'active';
  const isPromoted = read.state !== 'delayed' && !read.noted;
  // The next attempt does not begin before the handler of the last one has settled.
  const isDue = isPromoted || dueAt === null || (dueAt <= now && !isHeld);
  if (delivery > 0 && !isDue)
    return betweenState(read, { status: 'retrying', step: STEP.retrying, updatedAt: attempts.at });
  if (!isDue) return betweenState(read, { status: 'scheduled', step: STEP.begun, updatedAt: origin.createdAt });
  const step = delivery === 0 && dueAt === null ? STEP.begun : STEP.queued;
  return betweenState(read, { status: 'queued', step, updatedAt: Math.min(dueAt ?? origin.createdAt, now) });
}

/** It was delivered since: that attempt was interrupted, or its process died, and it waits to be made again. */
function isUnsettled({ delivery, attempts, state }: ReadJob): boolean {
  return delivery > attempts.delivery && state !== 'delayed';
}

/** The state of a run with no attempt at work that counts. */
function betweenState(
  read: ReadJob,
  { step, ...changed }: Pick<RunState, 'status' | 'updatedAt'> & { readonly step: number },
): RunState {
  const { origin, attempts, delivery, job } = read;
  const unsettled = isUnsettled(read);
  return {
    ...lastState(read),
    ...changed,
    version: versionOf(origin.versionBase, delivery, step),
    attempt: unsettled ? attempts.used + 1 : attempts.attempt,
    progress: read.progress?.progress ?? null,
    startedAt: unsettled ? (job.processedOn ?? null) : attempts.startedAt,
    finishedAt: null,
    cancel: null,
    abandoned: read.noted && read.state === 'active',
    result: undefined,
    active: true,
  };
}
