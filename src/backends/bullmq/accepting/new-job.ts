import type { JobJson } from 'bullmq';
import type { NewRun } from '../../../ports/new-run.js';
import { systemClock } from '../../../timing/system-clock.js';
import { checkpointText, inputText } from '../../live/stored-values.js';
import { FleetRun, NO_ATTEMPTS, type RunOrigin } from '../runs/fleet-run.js';
import type { FleetServer } from '../server/fleet-server.js';
import { laneNameOf } from '../runs/lane-name.js';
import { oneByOne } from '../keeping/one-by-one.js';
import { originText, readCheckpoint, readOrigin, readValue } from '../runs/run-texts.js';
import { STEP, versionOf } from '../runs/run-version.js';
import { FORM, TextMembers } from '../book/text-members.js';

/** Ours go from -1000 to 1000, higher first; BullMQ's from 1 to 2,097,152, lower first, and those without any before all. */
const MIDDLE_PRIORITY = 1_048_576;
/** How often BullMQ may try a job: it is not for BullMQ to say. */
const ATTEMPTS = 1_000_000_000;

/** A run that is to be accepted, and is not placed yet. */
export type NewOrigin = Omit<RunOrigin, 'ordinal' | 'versionBase' | 'jobId'>;

/**
 * What is kept of a run from its start on.
 *
 * @throws {TaskError} INPUT_INVALID or RESULT_INVALID when its input, or its checkpoint, cannot be stored.
 */
export function newOrigin(run: NewRun, processId: string, now: number): NewOrigin {
  const { task, queue, kind, delayMs, expiresInMs, checkpoint } = run;
  return {
    id: run.id,
    kind,
    task,
    queue,
    lane: laneNameOf({ queue, kind, task, process: task === null ? processId : null }),
    inputText: inputText(run.input),
    priority: run.priority,
    maxAttempts: run.maxAttempts,
    // A function dies with its process.
    onCrash: task === null ? 'fail' : run.onCrash,
    maxCrashes: run.maxCrashes,
    tags: run.tags,
    owner: run.owner,
    idempotencyKey: run.idempotency?.key ?? null,
    redriveOf: run.redriveOf,
    parent: run.parent,
    hardLimitMs: run.hardLimitMs,
    checkpointText: checkpoint === null ? null : checkpointText(checkpoint),
    createdAt: now,
    dueAt: delayMs > 0 ? now + delayMs : null,
    expiresAt: expiresInMs === null ? null : now + expiresInMs,
  };
}

/** A run as it is when it has just been accepted. */
export function freshRun(origin: RunOrigin): FleetRun {
  const { createdAt, dueAt } = origin;
  const state = {
    version: versionOf(origin.versionBase, 0, STEP.begun),
    status: dueAt === null ? ('queued' as const) : ('scheduled' as const),
    attempt: 0,
    delays: 0,
    progress: null,
    dueAt,
    startedAt: null,
    updatedAt: createdAt,
    finishedAt: null,
    cancel: null,
    abandoned: false,
    result: undefined,
    error: null,
    cause: undefined,
    failures: NO_ATTEMPTS.failures,
    redrivenBy: null,
    checkpoint: readCheckpoint(origin, origin.checkpointText),
    active: true,
  };
  return new FleetRun(origin, state, () => readValue(origin, origin.inputText));
}

/** Adds the job of a run; one that is there stays as it is. @param now epoch milliseconds. */
export function addJob(server: FleetServer, origin: RunOrigin, now: number): Promise<void> {
  const queue = server.queue(origin.lane);
  const delayMs = Math.max(0, (origin.dueAt ?? now) - now);
  return server.call('add a job', () => queue.add(jobOf(origin, Math.ceil(delayMs)), origin.jobId));
}

function jobOf(origin: RunOrigin, delayMs: number): JobJson {
  const priority = MIDDLE_PRIORITY - origin.priority;
  return {
    id: origin.jobId,
    name: origin.task ?? 'function',
    data: originText(origin),
    opts: {
      priority,
      attempts: ATTEMPTS,
      removeOnComplete: false,
      removeOnFail: false,
      stackTraceLimit: 0,
      ...(delayMs > 0 && { delay: delayMs }),
    },
    progress: 0,
    attemptsMade: 0,
    attemptsStarted: 0,
    // BullMQ counts the delay from here, by the computer's own clock.
    timestamp: systemClock.now(),
    priority,
    delay: delayMs,
    failedReason: '',
    returnvalue: 'null',
    stalledCounter: 0,
  };
}

/** What a claim keeps for whoever comes to add the job. */
export function claimedJobText(origin: RunOrigin): string {
  return JSON.stringify({ errand: FORM, lane: origin.lane, jobId: origin.jobId, data: originText(origin) });
}

/** Reads what {@link claimedJobText} wrote. @throws {TaskError} BACKEND when it is anything else. */
export function readClaimedJob(text: string): RunOrigin {
  const members = TextMembers.parse('A job that was to be added', text);
  return readOrigin({ lane: members.text('lane'), jobId: members.text('jobId') }, members.text('data'));
}

/** Adds the jobs of claims whose process did not come so far. @param now epoch milliseconds. */
export async function addClaimedJobs(server: FleetServer, texts: readonly string[], now: number): Promise<void> {
  await oneByOne(texts, async (text) => {
    const origin = readClaimedJob(text);
    const { jobId } = origin;
    // It was read a while ago: a run that has ended since, and whose job or record has gone, would begin again.
    if ((await server.book.unaddedJob(jobId)) === null) return;
    const [note] = await server.book.notesOf([jobId]);
    if (typeof note?.end !== 'string') await addJob(server, origin, now);
    await server.book.added(jobId);
  });
}
