import type { Holder, Lease, StoredRun, Watcher } from '../../ports/backend.js';
import type { Checkpoint } from '../../ports/checkpoint.js';
import type { NewRun, RunParent } from '../../ports/new-run.js';
import type { QueuedTimer } from '../../timing/timer-queue.js';
import type { CancelledRequest, Progress, Run, RunError, RunFailure, RunKind } from '../../task/run.js';
import type { RunEvent } from '../../task/run-event.js';
import { isFinal, type RunStatus } from '../../task/status.js';
import type { Lane } from './lane.js';
import { ListNode } from './run-list.js';

/** The claim on a record; the record's `lease` is the one that counts. */
export class MemoryLease implements Lease {
  readonly run: RunRecord;
  holder: Holder | undefined;
  /** The attempt is over, but its handler is still at work. */
  held = false;

  constructor(run: RunRecord) {
    this.run = run;
  }

  /** Whether what its handler tells still concerns anybody. */
  get isCurrent(): boolean {
    return this.run.lease === this && !this.held && !isFinal(this.run.status);
  }
}

/** What most runs never need: kept apart, so that a finished run stays small. */
export class RareState {
  tags: readonly string[] = NO_TAGS;
  owner: string | null = null;
  idempotencyKey: string | null = null;
  redriveOf: string | null = null;
  redrivenBy: string | null = null;
  parent: RunParent | null = null;
  hardLimitMs: number | null = null;
  /** What its steps have come to, as text, until it has ended; those that no file has yet where there is one. */
  steps: Map<string, string> | undefined;
  checkpoint: Checkpoint | null = null;
  dueAt: number | null = null;
  /** When the time it may wait for its first attempt is over. */
  expiresAt: number | null = null;
  dueTimer: QueuedTimer | undefined;
  expiryTimer: QueuedTimer | undefined;
  /** The time it may wait is over. */
  expired = false;
  /** Its retry wait is over, but the handler of the attempt before is still at work. */
  due = false;
  /** The next attempt has the number of the last one, which was not used up. */
  repeat = false;
  delays = 0;
  cancelRequestedAt: number | null = null;
  cancel: CancelledRequest | null = null;
  abandoned = false;
  error: RunError | null = null;
  cause: unknown = undefined;
  failures: readonly RunFailure[] = NO_FAILURES;
  listeners: Set<(event: RunEvent) => void> | undefined;
  freeWatchers: Set<Watcher> | undefined;

  /** What the last attempt failed with. */
  remember(error: RunError, cause: unknown): void {
    this.error = error;
    this.cause = cause;
  }
}

/**
 * Records keep instants as milliseconds since the process began: these are small integers, which take no memory of
 * their own, for the first 24 days.
 */
const ORIGIN = Math.floor(performance.timeOrigin);

const NO_TAGS: readonly string[] = Object.freeze([]);
const NO_FAILURES: readonly RunFailure[] = Object.freeze([]);

/** A run in memory. One object from acceptance to eviction: 10⁶ of them have to fit. */
export class RunRecord extends ListNode implements StoredRun {
  readonly id: string;
  readonly lane: Lane<RunRecord>;
  /** Also the order of lists. */
  readonly ordinal: number;
  readonly #created: number;
  readonly priority: number;
  readonly maxAttempts: number;
  /** Counts what was queued, while it is `queued`. */
  turn = 0;
  status: RunStatus;
  input: unknown;
  result: unknown = undefined;
  progress: Progress | null = null;
  attempt = 0;
  version = 1;
  #started: number | null = null;
  #updated: number;
  /** When its retention began, by the monotonic clock; rounded up, for integers are small. */
  shelvedAt = 0;
  /** About how many bytes its input and result take. */
  weight = 0;
  lease: MemoryLease | null = null;
  /** Who waits for the end: nobody, one callback, or several. */
  watchers: Watcher | Set<Watcher> | null = null;
  rare: RareState | null = null;
  /** False once its record was removed or replaced. */
  kept = true;

  constructor(run: NewRun, lane: Lane<RunRecord>, { ordinal, now }: { ordinal: number; now: number }) {
    super();
    this.id = run.id;
    this.lane = lane;
    this.ordinal = ordinal;
    this.#created = now - ORIGIN;
    this.#updated = this.#created;
    this.priority = run.priority;
    this.maxAttempts = run.maxAttempts;
    this.input = run.input;
    this.status = run.delayMs > 0 ? 'scheduled' : 'queued';
    if (run.tags.length > 0) this.seldom.tags = run.tags;
    if (run.owner !== null) this.seldom.owner = run.owner;
    if (run.idempotency !== null) this.seldom.idempotencyKey = run.idempotency.key;
    if (run.redriveOf !== null) this.seldom.redriveOf = run.redriveOf;
    if (run.checkpoint !== null) this.seldom.checkpoint = run.checkpoint;
    if (run.parent !== null) this.seldom.parent = run.parent;
    if (run.hardLimitMs !== null) this.seldom.hardLimitMs = run.hardLimitMs;
  }

  get seldom(): RareState {
    return (this.rare ??= new RareState());
  }

  get createdAt(): number {
    return ORIGIN + this.#created;
  }

  get updatedAt(): number {
    return ORIGIN + this.#updated;
  }

  set updatedAt(at: number) {
    this.#updated = at - ORIGIN;
  }

  get startedAt(): number | null {
    return this.#started === null ? null : ORIGIN + this.#started;
  }

  set startedAt(at: number | null) {
    this.#started = at === null ? null : at - ORIGIN;
  }

  get kind(): RunKind {
    return this.lane.kind;
  }

  get task(): string | null {
    return this.lane.task;
  }

  get queue(): string {
    return this.lane.queue.name;
  }

  get tags(): readonly string[] {
    return this.rare?.tags ?? NO_TAGS;
  }

  get owner(): string | null {
    return this.rare?.owner ?? null;
  }

  get idempotencyKey(): string | null {
    return this.rare?.idempotencyKey ?? null;
  }

  get delays(): number {
    return this.rare?.delays ?? 0;
  }

  get redrivenBy(): string | null {
    return this.rare?.redrivenBy ?? null;
  }

  get parent(): RunParent | null {
    return this.rare?.parent ?? null;
  }

  get hardLimitMs(): number | null {
    return this.rare?.hardLimitMs ?? null;
  }

  get checkpoint(): Checkpoint | null {
    return this.rare?.checkpoint ?? null;
  }

  get cause(): unknown {
    return this.rare?.cause;
  }

  /** Its id cannot be started again: the run has not ended, or a handler of it is still at work. */
  get active(): boolean {
    return !isFinal(this.status) || this.lease !== null;
  }

  /** It is cancelled without its handler: what its last checkpoint says is its result. */
  takeSoFar(): void {
    if (this.result === undefined) this.result = this.rare?.checkpoint?.soFar;
  }

  /** It has ended: lets go of what no ended run needs. @returns whether that was anything. */
  lighten(): boolean {
    const hadSteps = this.rare?.steps !== undefined;
    if (this.rare !== null) this.rare.steps = undefined;
    // A failed run can be redriven and needs its input for that; no other run does.
    if (this.status === 'failed') return hadSteps;
    this.input = undefined;
    return true;
  }

  snapshot(): Run {
    const rare = this.rare;
    const { status, updatedAt } = this;
    return {
      id: this.id,
      version: this.version,
      kind: this.lane.kind,
      task: this.lane.task,
      queue: this.lane.queue.name,
      status,
      progress: this.progress,
      attempt: this.attempt,
      maxAttempts: this.maxAttempts,
      priority: this.priority,
      tags: rare === null ? NO_TAGS : rare.tags,
      owner: rare === null ? null : rare.owner,
      parentId: rare?.parent?.id ?? null,
      redriveOf: rare === null ? null : rare.redriveOf,
      redrivenBy: rare === null ? null : rare.redrivenBy,
      createdAt: this.createdAt,
      dueAt: rare === null ? null : rare.dueAt,
      startedAt: this.startedAt,
      updatedAt,
      finishedAt: isFinal(status) ? updatedAt : null,
      cancelRequestedAt: rare === null ? null : rare.cancelRequestedAt,
      cancelReason: rare?.cancel?.reason ?? null,
      abandoned: rare !== null && rare.abandoned,
      result: this.result,
      error: rare !== null && (status === 'failed' || status === 'retrying') ? rare.error : null,
      failures: rare === null ? NO_FAILURES : rare.failures,
    };
  }
}
