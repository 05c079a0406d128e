import type { IQueueBackend, JobJson } from 'bullmq';
import type { FleetBook, KeptCancel } from '../book/book.js';
import type { Logger } from '../../../ports/logger.js';
import type { RunEvent } from '../../../task/run-event.js';
import type { BullmqSettings } from '../bullmq-options.js';

/** What the processes of a fleet tell one another. A lost message only delays what it says. */
export type FleetMessage =
  /** A cancel for whoever holds the job. */
  | { readonly type: 'cancel'; readonly lane: string; readonly jobId: string; readonly cancel: KeptCancel }
  /** There is a lane that was not there before; or there may be a job in it, or room for one, that BullMQ tells nobody of. */
  | { readonly type: 'lane'; readonly lane: string }
  /** A queue was paused or resumed. */
  | { readonly type: 'pause'; readonly queue: string; readonly paused: boolean }
  /** A process is new: those that listen tell it so. */
  | { readonly type: 'here'; readonly process: string }
  /** This process wants the events of all runs for so long from now on, in ms; 0: no longer. */
  | { readonly type: 'listening'; readonly process: string; readonly forMs: number }
  /** What happened to runs: only processes that listen are sent it. */
  | {
      readonly type: 'events';
      /** Who tells. */
      readonly process: string;
      readonly events: readonly RunEvent[];
      /** The jobs of those runs, one for each event. */
      readonly jobIds: readonly string[];
      /** The jobs of runs that had ended, and whose handlers have settled now. */
      readonly freed: readonly string[];
    };

/** A queue of BullMQ: everything but waiting for work goes over the one connection of this process. */
export interface LaneQueue {
  readonly jobs: IQueueBackend;
  /** Adds a job; one that is there stays as it is. */
  add(job: JobJson, jobId: string): Promise<void>;
  /** Removes a job in one step with the look whether it is locked: then it stays. @returns whether there is none (any more). */
  remove(jobId: string): Promise<boolean>;
  /** Lets a job wait again. @throws {Error} with a code (`answerCodeOf`) where it is not locked with this token. */
  giveBack(jobId: string, token: string): Promise<void>;
  /**
   * Waits until there may be a job, `untilMs` at most: over a connection of its own. Never rejects: a server that does
   * not answer is waited for, too. One wait at a time.
   *
   * @param untilMs finite, in epoch ms by the computer's own clock, as BullMQ's times are.
   */
  waitForJob(untilMs: number, signal: AbortSignal): Promise<void>;
  /** Gives the connection back on which it waited. */
  rest(): Promise<void>;
  /** Removes what BullMQ keeps of a lane that has no jobs and will have none; where there are jobs, those stay. */
  drop(): Promise<void>;
}

/** What a server is used with. */
export interface FleetServerParts {
  readonly settings: BullmqSettings;
  readonly logger: Logger | undefined;
}

/** Redis or PostgreSQL, as this backend uses it. */
export interface FleetServer {
  readonly name: 'redis' | 'postgres';
  /** A cancel and an end mark the job in the same step (`deferredFailure`): whoever takes it from then on sees that. */
  readonly marksJobs: boolean;
  /** Between our processes. */
  readonly processId: string;
  readonly book: FleetBook;
  /**
   * Connects, within the deadline, and checks that the server can be trusted with runs.
   *
   * @throws {TaskError} BACKEND when it cannot be reached, or evicts keys (`maxmemory-policy`): says what to do.
   */
  open(): Promise<void>;
  queue(lane: string): LaneQueue;
  /** Nothing is wanted of the lane any more. */
  forget(lane: string): void;
  /**
   * Runs a call of BullMQ's or ours under the deadline; it is made in this turn. What BullMQ's scripts refuse is passed
   * on: `answerCodeOf` says with which code.
   *
   * @param what for the error's `details`: what is tried, as a verb.
   * @throws {TaskError} BACKEND when it fails or takes too long.
   */
  call<T>(what: string, call: () => Promise<T>): Promise<T>;
  /**
   * Tells all processes, this one too; `events` only those that have told that they listen. Never throws: what cannot be
   * told is lost.
   */
  publish(message: FleetMessage): void;
  /** Hears what all processes tell, from `open` on. */
  onMessage(listener: (message: FleetMessage) => void): void;
  /** The connection is back after it was lost: messages may have been missed. */
  onBack(listener: () => void): void;
  /** Ends within the deadline, whatever the server does. */
  close(): Promise<void>;
}
