import type { StoredSchedule } from '../../../ports/schedules.js';
import type { CancelledRequest, RunKind } from '../../../task/run.js';
import type { FinalStatus } from '../../../task/status.js';
import type { Claim, Claimed, KnownKey } from './claim.js';
import type { LentBook } from './lent-book.js';
import type { ParentName, Place, Placed } from './place.js';
import type { StepBook } from './step-book.js';

export type { Claim, Claimed, KeyClaim, KnownKey } from './claim.js';
export type { ParentName, Place, Placed } from './place.js';

/** A cancel as it was asked for. */
export interface KeptCancel extends CancelledRequest {
  readonly at: number;
}

/** What BullMQ cannot say about a run. Most runs have none of it. Texts are `run-texts.ts`'s. */
export interface Note {
  readonly cancel: KeptCancel | null;
  /** The run as it ended, where BullMQ has no job of it (any more) that says so. */
  readonly end: string | null;
  /** The state of a run whose attempt was ended without its handler: the job stays active until that settles. */
  readonly held: string | null;
  /**
   * What `held` was before the job was delivered again: the process of that handler is gone. Where its `at` is later, it
   * counts more than what the job says.
   */
  readonly left: string | null;
  /** The last delivery (`attemptsStarted` of the job) that wrote here: what an earlier one says is refused. */
  readonly delivery: number;
  readonly checkpoint: string | null;
  /** `stalledCounter` of the job when the checkpoint, or the last step, was kept. */
  readonly stallsBefore: number;
  /** Steps of it may be kept. */
  readonly steps: boolean;
  readonly redrivenBy: string | null;
}

/** How many runs of a lane are in a state that BullMQ's counts do not show. */
export interface LaneTally {
  /** Active for BullMQ, but ended (or waiting for the next attempt) for us. */
  readonly held: number;
  /** Active for BullMQ, to be cancelled. Held ones are not among them. */
  readonly cancelling: number;
  /** Held ones that wait for their next attempt until after `now`: `retrying`, and not delayed for BullMQ. */
  readonly heldRetrying: number;
  /** Held ones whose wait is over: `queued`, and not waiting for BullMQ. */
  readonly heldQueued: number;
  /** Delayed for BullMQ until after `now`, for their next attempt; and the `heldRetrying` ones. */
  readonly retrying: number;
  readonly ended: Readonly<Record<FinalStatus, number>>;
  /** Of the ended ones, those whose keys still stand for them: retention leaves them alone. */
  readonly keyed: Readonly<Record<FinalStatus, number>>;
}

/** A run that ended, in the book. */
export interface BookedEnd {
  readonly jobId: string;
  readonly id: string;
  readonly lane: string;
  readonly status: FinalStatus;
  readonly finishedAt: number;
  /** The run's key, which may go from now on (where it is held: from `letGo` on). */
  readonly keyName: string | null;
  /** A handler of it is still at work. */
  readonly held: boolean;
  /** `run-texts.ts` */
  readonly text: string;
  /** It ends so only while its cancel is kept: whoever cancelled it may have taken that back. Default false. */
  readonly onlyIfCancelled?: boolean;
}

/** What a book has when it is opened. */
export interface BookHead {
  readonly storeId: string;
  readonly lanes: readonly string[];
  readonly pausedQueues: readonly string[];
}

/**
 * What we keep beside BullMQ's jobs, on the same server. Every method is one step: it happens whole or not at all, also
 * among many processes. Everything rejects with `BACKEND` where the server does not answer in time.
 *
 * A run with a generated id is only *placed*, in the same round trip as its job is added; everything else is written for
 * what is rare.
 */
export interface FleetBook extends StepBook, LentBook {
  /** Makes what has to be there. @throws {TaskError} BACKEND */
  open(): Promise<BookHead>;
  /** The lanes and paused queues as they are now. */
  head(): Promise<BookHead>;
  close(): Promise<void>;

  /**
   * Keeps where new runs are whose ids are nobody else's. Calls of one turn are one write.
   *
   * @param parent whose child it is; nobody's unless given.
   */
  place(placed: Placed, expiresAt: number | null, parent?: ParentName | null): Promise<void>;
  claim(claim: Claim): Promise<Claimed>;
  /** Takes a claim back whose job was never added; only while it stands for that job. */
  unclaim(claim: Pick<Claim, 'id' | 'place' | 'key' | 'redrives'>): Promise<void>;
  /** What a key stands for, as a claim would tell it; `expired` by `now`. */
  keyOf(name: string, now: number): Promise<KnownKey | undefined>;
  /** A key whose time is over and whose run has ended stands for nothing any more; only while it stands for `id`. */
  dropKey(name: string, id: string): Promise<void>;
  /**
   * The run of a key has ended, and BullMQ's job says so: the key may go from now on, to make room (those first whose runs
   * ended first) or when its time is over. For ends in the book, `end` says it. Only while it stands for `id`.
   */
  keyEnded(name: string, id: string, at: number): Promise<void>;
  /** The job of a claim that had its text was added. */
  added(jobId: string): Promise<void>;
  /** The text of a job that was claimed and perhaps not added, where that is all there is of its run. */
  unaddedJob(jobId: string): Promise<string | null>;
  /** Texts of jobs that were claimed before `before` and perhaps not added. */
  unadded(before: number, limit: number): Promise<readonly string[]>;
  placesOf(ids: readonly string[]): Promise<readonly (Place | undefined)[]>;
  /**
   * Runs in the order of acceptance, newest first, those with ordinals below `below`. Those with the same ordinal as the
   * last come with it, also where that makes more than `limit`.
   */
  page(below: number, limit: number): Promise<readonly Placed[]>;
  /** All runs of a kind, newest first: imports are few. */
  ofKind(kind: Exclude<RunKind, 'run'>): Promise<readonly Placed[]>;
  /**
   * The children of a run that have a place, in no order.
   *
   * @param which `'unended'`: those are left out whose end BullMQ's job, or the book, says; others may have ended, too.
   */
  childrenOf(parent: ParentName, which: 'all' | 'unended'): Promise<readonly Placed[]>;
  /** The record of a run is gone: its place (only while it is that job's), its note, its end, its key. */
  forget(gone: readonly { readonly id: string; readonly jobId: string; readonly lane: string }[]): Promise<void>;

  notesOf(jobIds: readonly string[]): Promise<readonly (Note | undefined)[]>;
  /** Keeps the first request of a run; gives that which is kept, or null, and keeps none, where an end is booked. */
  requestCancel(lane: string, jobId: string, cancel: KeptCancel): Promise<KeptCancel | null>;
  /**
   * How many jobs of a lane have a cancel, or an end that no handler holds, and may still be with BullMQ. Sent after a job
   * was taken, on the same connection: where it is 0, that job is none of them. So a cancelled run never starts, and no
   * note is read for most.
   */
  cancels(lane: string): Promise<number>;
  /** Any of the jobs that `cancels` counts, of all lanes; where there are more than `limit`, others each time. */
  toCancel(limit: number): Promise<readonly { readonly lane: string; readonly jobId: string }[]>;
  /** Jobs of ends that handlers hold, or held when their processes died; of more than `limit`, others each time. */
  heldEnds(limit: number): Promise<readonly { readonly lane: string; readonly jobId: string }[]>;
  /** A cancel came too late: the run has ended without it. */
  dropCancel(lane: string, jobId: string): Promise<void>;
  /**
   * The job is BullMQ's still: remove it, then `letGo`.
   *
   * @returns false, and changes nothing, where an end is booked, or (`onlyIfCancelled`) its cancel was dropped.
   */
  end(ended: BookedEnd): Promise<boolean>;
  /** BullMQ has no job of a booked end any more, and no handler of it is at work. */
  letGo(lane: string, jobId: string): Promise<void>;
  /** A run waits for its next attempt, its handler still at work. @returns false where a later delivery has written, or an end is booked. */
  hold(
    lane: string,
    jobId: string,
    delivery: number,
    held: { readonly text: string; readonly dueAt: number },
  ): Promise<boolean>;
  /**
   * A run waits for its next attempt until then, and is not held: where it was, called when its job is delayed. Changes
   * nothing where a later delivery has written, or an end is booked.
   */
  retryAt(lane: string, jobId: string, delivery: number, dueAt: number): Promise<void>;
  /**
   * A job is delivered again: what earlier deliveries say counts no more, and no attempt is held; nothing changes where a
   * later delivery has written. @returns its note.
   */
  deliver(lane: string, jobId: string, delivery: number): Promise<Note>;
  /** @returns false where a later delivery has written, or an end is booked. */
  checkpoint(
    lane: string,
    jobId: string,
    delivery: number,
    kept: { readonly text: string; readonly stalls: number },
  ): Promise<boolean>;
  tallies(lanes: readonly string[], now: number): Promise<readonly LaneTally[]>;
  /** The oldest booked ends of a lane with this status, those with keys that still stand for them left out. */
  oldestEnds(
    lane: string,
    status: FinalStatus,
    limit: number,
  ): Promise<readonly { readonly jobId: string; readonly id: string; readonly finishedAt: number }[]>;
  /** Whether keys stand for these runs. */
  haveKeys(ids: readonly string[]): Promise<readonly boolean[]>;
  /** Jobs whose time to begin was over by `now`. */
  expired(now: number, limit: number): Promise<readonly { readonly lane: string; readonly jobId: string }[]>;
  /** They began, or ended: their time to begin is of no interest any more. */
  unexpire(jobIds: readonly string[]): Promise<void>;
  /** Keys whose time was over by `now` and whose runs are known to have ended go; the others go when they do. */
  dropKeys(now: number, limit: number): Promise<void>;

  addLane(lane: string): Promise<void>;
  pauseQueue(queue: string, paused: boolean): Promise<void>;

  schedules(): Promise<readonly StoredSchedule[]>;
  saveSchedule(schedule: StoredSchedule, expectedVersion: number | null): Promise<boolean>;
  removeSchedule(id: string): Promise<boolean>;

  /** This process is there for so long from now on, in ms, by the server's clock: theirs may differ. */
  beat(processId: string, forMs: number): Promise<void>;
  /** Processes that were there, and are no longer. */
  deadProcesses(): Promise<readonly string[]>;
  /** A process is gone, and nothing of it is left: its lanes go. */
  bury(processId: string): Promise<void>;
  /** Whether it is this caller's turn to do a piece of housekeeping: nobody else's for `forMs`. */
  turn(name: string, forMs: number): Promise<boolean>;
}
