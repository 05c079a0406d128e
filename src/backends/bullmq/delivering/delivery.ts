import type { JobJson } from 'bullmq';
import type { Note } from '../book/book.js';
import type { FleetLane } from './fleet-lane.js';
import { type AttemptsState, FleetRun, type RunOrigin } from '../runs/fleet-run.js';
import { type JobAddress, readAttempts, readCheckpoint, readOrigin, readValue } from '../runs/run-texts.js';
import { STEP, versionOf } from '../runs/run-version.js';

/** A job that this process has just locked. */
export interface TakenJob {
  readonly lane: FleetLane;
  readonly token: string;
  readonly job: JobJson;
  /** See `Taken`. */
  readonly doubt: number;
  readonly askedAt: number;
}

/** One delivery of a run's job. */
export interface Delivery {
  readonly lane: FleetLane;
  readonly jobId: string;
  readonly token: string;
  /** When this process asked for it, by the computer's monotonic clock: its lock was made after that. */
  readonly askedAt: number;
  /** `attemptsStarted` of the job: counts deliveries, from 1. */
  readonly number: number;
  /** How often the job was taken from a process that had gone silent. */
  readonly stalls: number;
  readonly options: JobJson['opts'];
  readonly origin: RunOrigin;
  readonly attempts: AttemptsState;
  /** The last attempt was over, and its handler at work, when its process died. */
  readonly wasHeld: boolean;
}

/** Reads what was taken. @throws {TaskError} BACKEND when it is no job of ours. */
export function readDelivery({ lane, token, job, askedAt }: TakenJob): Delivery {
  const address = { lane: lane.name, jobId: job.id };
  return {
    lane,
    jobId: job.id,
    token,
    askedAt,
    number: job.attemptsStarted,
    stalls: job.stalledCounter,
    options: job.opts,
    origin: readOrigin(address, job.data),
    attempts: readAttempts(address, job.failedReason),
    wasHeld: false,
  };
}

/** The same where the book knows more of the last attempt than the job. */
export function withWhatWasLeft(delivery: Delivery, note: Note | undefined): Delivery {
  const left = note?.left ?? note?.held ?? null;
  if (left === null) return delivery;
  const attempts = readAttempts(addressOf(delivery), left);
  return attempts.delivery > delivery.attempts.delivery ? { ...delivery, attempts, wasHeld: true } : delivery;
}

/** Where the texts of a delivery are from. */
export function addressOf({ lane, jobId }: Delivery): JobAddress {
  return { lane: lane.name, jobId };
}

/** How many processes died at the run since its last checkpoint or attempt. */
export function crashesOf({ stalls, attempts }: Delivery, note: Note | undefined): number {
  return stalls - Math.max(attempts.stallsBefore, note?.stallsBefore ?? 0);
}

/** The run as its next attempt begins. */
export function beginRun(delivery: Delivery, note: Note | undefined, now: number): FleetRun {
  const { origin, attempts, number } = delivery;
  const address = addressOf(delivery);
  const state = {
    version: versionOf(origin.versionBase, number, STEP.begun),
    status: 'running' as const,
    attempt: attempts.used + 1,
    delays: attempts.delays,
    begunBefore: number > 1,
    progress: null,
    dueAt: attempts.dueAt ?? origin.dueAt,
    startedAt: now,
    updatedAt: now,
    finishedAt: null,
    cancel: note?.cancel ?? null,
    abandoned: false,
    result: undefined,
    error: attempts.error,
    cause: readValue(address, attempts.causeText),
    failures: attempts.failures,
    redrivenBy: null,
    checkpoint: readCheckpoint(address, note?.checkpoint ?? origin.checkpointText),
    active: true,
  };
  return new FleetRun(origin, state, () => readValue(address, origin.inputText));
}

/** The run as it waited for this delivery, with the number and the time of the attempt before. */
export function waitingRun(delivery: Delivery, note: Note | undefined, now: number): FleetRun {
  const run = beginRun(delivery, note, now);
  const { attempts, number } = delivery;
  const { state } = run;
  state.status = 'queued';
  // An attempt that was begun after the last one whose end is told has died with its process.
  if (number - 1 <= attempts.delivery) state.attempt = attempts.attempt;
  state.startedAt = attempts.startedAt;
  return run;
}
