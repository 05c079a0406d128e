import type { StoredRun } from '../../../ports/backend.js';
import type { RunParent } from '../../../ports/new-run.js';
import type { Checkpoint } from '../../../ports/checkpoint.js';
import type { Progress, Run, RunError, RunFailure, RunKind } from '../../../task/run.js';
import { isFinal, type RunStatus } from '../../../task/status.js';
import type { KeptCancel } from '../book/book.js';

/** What a job says about its run from its acceptance on: it never changes. */
export interface RunOrigin {
  readonly id: string;
  readonly jobId: string;
  readonly lane: string;
  readonly kind: RunKind;
  readonly task: string | null;
  readonly queue: string;
  /** As `encodeValue` writes it: null is undefined. */
  readonly inputText: string | null;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly onCrash: 'retry' | 'fail';
  readonly maxCrashes: number;
  readonly tags: readonly string[];
  readonly owner: string | null;
  readonly idempotencyKey: string | null;
  readonly redriveOf: string | null;
  readonly parent: RunParent | null;
  readonly hardLimitMs: number | null;
  /** The checkpoint that it was accepted with, as text. */
  readonly checkpointText: string | null;
  readonly ordinal: number;
  readonly versionBase: number;
  readonly createdAt: number;
  /** When it was to begin first; null: at once. */
  readonly dueAt: number | null;
  readonly expiresAt: number | null;
}

/** What the attempts so far have left; travels with the job, in the field that BullMQ keeps for why it failed. */
export interface AttemptsState {
  /** Attempts that were used up. */
  readonly used: number;
  /** The last attempt whose end it tells, used up or not; 0 before the first. */
  readonly attempt: number;
  /** The delivery (`attemptsStarted` of the job) whose end it tells; 0 before the first. */
  readonly delivery: number;
  /** When that attempt began. */
  readonly startedAt: number | null;
  readonly delays: number;
  readonly failures: readonly RunFailure[];
  readonly error: RunError | null;
  readonly causeText: string | null;
  /** When the next attempt is due; null where none is waited for. */
  readonly dueAt: number | null;
  /** `stalledCounter` of the job when the last attempt ended: crashes count from there. */
  readonly stallsBefore: number;
  readonly at: number;
}

/** Before the first attempt. */
export const NO_ATTEMPTS: AttemptsState = Object.freeze({
  used: 0,
  attempt: 0,
  delivery: 0,
  startedAt: null,
  delays: 0,
  failures: Object.freeze([]),
  error: null,
  causeText: null,
  dueAt: null,
  stallsBefore: 0,
  at: 0,
});

/** What changes about a run. */
export interface RunState {
  version: number;
  status: RunStatus;
  attempt: number;
  delays: number;
  /** Only of a run that was delivered: its job was taken before. */
  begunBefore?: boolean;
  progress: Progress | null;
  dueAt: number | null;
  startedAt: number | null;
  updatedAt: number;
  finishedAt: number | null;
  cancel: KeptCancel | null;
  abandoned: boolean;
  result: unknown;
  error: RunError | null;
  cause: unknown;
  failures: readonly RunFailure[];
  redrivenBy: string | null;
  checkpoint: Checkpoint | null;
  /** Its id cannot be started again: the run has not ended, or a handler of it is still at work. */
  active: boolean;
}

/**
 * A run as this process knows it: the one that it holds, which changes as it goes on, or one that it has read, which
 * stays as it was then.
 */
export class FleetRun implements StoredRun {
  readonly origin: RunOrigin;
  readonly state: RunState;
  readonly #input: () => unknown;

  /** @param input reads the input, when it is asked for. */
  constructor(origin: RunOrigin, state: RunState, input: () => unknown) {
    this.origin = origin;
    this.state = state;
    this.#input = input;
  }

  get id(): string {
    return this.origin.id;
  }

  get kind(): RunKind {
    return this.origin.kind;
  }

  get task(): string | null {
    return this.origin.task;
  }

  get queue(): string {
    return this.origin.queue;
  }

  get status(): RunStatus {
    return this.state.status;
  }

  get input(): unknown {
    return this.#input();
  }

  get priority(): number {
    return this.origin.priority;
  }

  get attempt(): number {
    return this.state.attempt;
  }

  /** Said of a run that was delivered: the others need not be known so well. */
  get begunBefore(): boolean {
    return this.state.begunBefore ?? true;
  }

  get delays(): number {
    return this.state.delays;
  }

  get tags(): readonly string[] {
    return this.origin.tags;
  }

  get owner(): string | null {
    return this.origin.owner;
  }

  get idempotencyKey(): string | null {
    return this.origin.idempotencyKey;
  }

  get ordinal(): number {
    return this.origin.ordinal;
  }

  get createdAt(): number {
    return this.origin.createdAt;
  }

  get redrivenBy(): string | null {
    return this.state.redrivenBy;
  }

  get parent(): RunParent | null {
    return this.origin.parent;
  }

  get hardLimitMs(): number | null {
    return this.origin.hardLimitMs;
  }

  get checkpoint(): Checkpoint | null {
    return this.state.checkpoint;
  }

  get cause(): unknown {
    return this.state.cause;
  }

  snapshot(): Run {
    const { origin, state } = this;
    const { status } = state;
    return {
      id: origin.id,
      version: state.version,
      kind: origin.kind,
      task: origin.task,
      queue: origin.queue,
      status,
      progress: state.progress,
      attempt: state.attempt,
      maxAttempts: origin.maxAttempts,
      priority: origin.priority,
      tags: origin.tags,
      owner: origin.owner,
      parentId: origin.parent?.id ?? null,
      redriveOf: origin.redriveOf,
      redrivenBy: state.redrivenBy,
      createdAt: origin.createdAt,
      dueAt: state.dueAt,
      startedAt: state.startedAt,
      updatedAt: state.updatedAt,
      finishedAt: isFinal(status) ? state.finishedAt : null,
      cancelRequestedAt: state.cancel?.at ?? null,
      cancelReason: state.cancel?.reason ?? null,
      abandoned: state.abandoned,
      result: state.result,
      error: status === 'failed' || status === 'retrying' ? state.error : null,
      failures: state.failures,
    };
  }
}
