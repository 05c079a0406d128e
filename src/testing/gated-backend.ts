import type {
  Accepted,
  Backend,
  Holder,
  Lease,
  MaybePromise,
  Outcome,
  StoredRun,
  Worker,
  WorkOptions,
} from '../ports/backend.js';
import type { NewRun } from '../ports/new-run.js';
import type { StoredSchedule } from '../ports/schedules.js';
import type { Progress, RunKind } from '../task/run.js';
import type { LogLine, RunEvent } from '../task/run-event.js';
import { ForwardingBackend } from './forwarding-backend.js';

/** What a {@link GatedBackend} is made with. */
export interface Gate {
  /** Every run is held until {@link GatedBackend.let} lets it begin; otherwise runs begin by themselves. */
  readonly inSteps: boolean;
  /** Told when a handler is about to be at work and no other is. */
  readonly onFirstAtWork: () => void;
  /** Calls whatever begins an attempt. */
  readonly begin: (act: () => void) => void;
}

/**
 * Stands between a test's manager and its backend: lets as many runs begin as the test says, and knows whose handlers
 * are at work and who listens. Nothing else is another way than in production.
 */
export class GatedBackend extends ForwardingBackend {
  readonly #gate: Gate;
  readonly #begun: StoredRun[] = [];
  readonly #atWork = new Map<Lease, StoredRun>();
  #mayBegin: number;
  #worker: Worker | undefined;
  #freeSlots: WorkOptions['freeSlots'] = () => 0;
  /** How many streams of events are open. */
  listeners = 0;
  /** Grows with everything that happens. */
  steps = 0;

  constructor(real: Backend, gate: Gate) {
    super(real);
    this.#gate = gate;
    this.#mayBegin = gate.inSteps ? 0 : Infinity;
  }

  /** The runs whose handlers are at work, those that ended without them included. */
  get atWork(): readonly StoredRun[] {
    return [...this.#atWork.values()];
  }

  /** Lets this many runs begin from now on. */
  let(mayBegin: number): void {
    this.#mayBegin = mayBegin;
    this.#worker?.wake();
  }

  /** In steps: the runs that began since this was asked last, in order; one that began twice is there twice. */
  takeBegun(): readonly StoredRun[] {
    return this.#begun.splice(0);
  }

  /** Whether a handler of this kind and task could begin if it were only for slots. */
  hasSlot(kind: RunKind, task: string | null): boolean {
    return this.#freeSlots(kind, task) > 0;
  }

  override accept(run: NewRun, ifActive: 'error' | 'return' | 'replace'): MaybePromise<Accepted> {
    this.steps += 1;
    return super.accept(run, ifActive);
  }

  override acceptDue(
    run: NewRun,
    schedule: StoredSchedule,
    expectedVersion: number,
  ): MaybePromise<Accepted | undefined> {
    this.steps += 1;
    return super.acceptDue(run, schedule, expectedVersion);
  }

  override work({ freeSlots, take }: WorkOptions): Worker {
    this.#freeSlots = freeSlots;
    return (this.#worker = super.work({
      freeSlots: (kind, task) => Math.min(this.#mayBegin, freeSlots(kind, task)),
      take: (run, lease) => {
        this.#note(run, lease);
        return this.#watched(take(run, lease), lease);
      },
    }));
  }

  override settle(lease: Lease, outcome: Outcome, held: boolean): MaybePromise<boolean> {
    this.steps += 1;
    if (!held) this.#atWork.delete(lease);
    return super.settle(lease, outcome, held);
  }

  override release(lease: Lease): MaybePromise<void> {
    this.steps += 1;
    this.#atWork.delete(lease);
    return super.release(lease);
  }

  override progress(lease: Lease, progress: Progress): void {
    this.steps += 1;
    super.progress(lease, progress);
  }

  override log(lease: Lease, line: LogLine): void {
    this.steps += 1;
    super.log(lease, line);
  }

  override subscribe(run: StoredRun | null, listener: (event: RunEvent) => void): () => void {
    const unsubscribe = super.subscribe(run, listener);
    let open = true;
    this.listeners += 1;
    return () => {
      if (open) this.listeners -= 1;
      open = false;
      unsubscribe();
    };
  }

  #note(run: StoredRun, lease: Lease): void {
    this.steps += 1;
    this.#mayBegin -= 1;
    if (this.#gate.inSteps) this.#begun.push(run);
    if (this.#atWork.size === 0) this.#gate.onFirstAtWork();
    this.#atWork.set(lease, run);
  }

  #watched(holder: Holder, lease: Lease): Holder {
    let begun = false;
    return {
      begin: () => {
        begun = true;
        this.#gate.begin(() => holder.begin());
      },
      cancel: (request) => holder.cancel(request),
      lost: () => {
        if (!begun) this.#atWork.delete(lease);
        holder.lost();
      },
    };
  }
}
