import type { StoredRun } from '../ports/backend.js';
import type { AnyTask } from '../task/any-task.js';
import type { ChildHandle } from '../task/child-handle.js';
import { CancelledError, hasCode, isTaskError, TaskError } from '../task/errors.js';
import { MAX_REASON_LENGTH } from '../task/checks.js';
import type { CancelledRequest } from '../task/run.js';
import { Attempt } from './attempt.js';
import type { AttemptTools, ForcedEnd } from './attempt-tools.js';
import { nextTurn } from '../timing/next-turn.js';
import { AttemptSlot, type SharedPlace } from './attempt-slot.js';
import { ChildRuns, type ChildTools } from './child-runs.js';
import { isInterruption } from './interruption.js';
import type { SlotOwner, Slots } from './slots.js';
import type { Steps } from './steps.js';
import { rejected } from './told-by-promise.js';
import { whyItFailed } from './why-it-failed.js';
import type { Logger } from '../ports/logger.js';

/** What attempts share that may start runs of their own. */
export interface ParentTools extends AttemptTools {
  readonly slots: Slots;
  readonly logger: Logger | undefined;
  readonly children: ChildTools;
}

/** How a handler has settled whose children have not ended yet. */
type Settled =
  | { readonly threw: false; readonly value: unknown; readonly inTime: boolean }
  | { readonly threw: true; readonly error: unknown };

/**
 * An attempt that may start runs of its own, and does not end before they have. Without any it is an {@link Attempt} and
 * nothing more.
 */
export abstract class ParentAttempt<Tools extends ParentTools = ParentTools> extends Attempt<Tools> {
  #children: ChildRuns | undefined;
  #steps: { readonly kept: Steps | undefined } | undefined;
  /** Made at the first wait for a child. */
  #slot: AttemptSlot | undefined;
  #slotGiven = false;
  #settled: Settled | undefined;
  /** How it was ended without its handler; told when its children have ended. */
  #forced: ForcedEnd | undefined;
  /** Its end was reported. */
  #told = false;

  protected abstract get itemIndex(): number | null;
  /** Whether an earlier attempt may have been made. */
  abstract get mayBeRepeated(): boolean;
  protected abstract get slotOwner(): SlotOwner;
  /** Its place in the limits of all processes, where there are such. */
  protected abstract get place(): SharedPlace | undefined;
  /** Undefined where no steps are kept. */
  protected abstract newSteps(): Steps | undefined;
  /** Gives the slot back that it took when it began. */
  protected abstract freeSlot(): void;

  /** Whether it is over, and that is not told before its children have ended. */
  get outlivedByChildren(): boolean {
    return this.#forced !== undefined && !this.#told;
  }

  override startChild(task: AnyTask, input: unknown, options: unknown): Promise<ChildHandle<unknown>> {
    try {
      this.#refuseStart();
      return this.#group.start({ task, input, options });
    } catch (error) {
      return rejected(error);
    }
  }

  override step(key: string, fn: () => unknown): Promise<unknown> {
    const steps = this.#keptSteps;
    return steps === undefined ? Promise.resolve().then(fn) : steps.step(key, fn);
  }

  /** Takes over the children that an earlier attempt has left; resolves when those have ended that nobody can ask for. */
  async takeOver(runs: readonly StoredRun[]): Promise<void> {
    // It was over, or another's, before it heard of them: whoever ends the run now, or has it, sees to them.
    if (this.ended || (this.aborted && leavesChildren(this.signal.reason))) return;
    const children = this.#group;
    if (this.aborted) this.onAborted(this.signal.reason);
    await children.takeOver(runs);
  }

  /** The handler is at work no more; called as often as one likes. */
  protected giveSlot(): void {
    if (this.#slotGiven) return;
    this.#slotGiven = true;
    const joining = !this.ended;
    if (joining && this.place !== undefined) this.#slot ??= this.#newSlot();
    if (this.#slot === undefined) this.freeSlot();
    else this.#slot.give(joining);
  }

  /** Leaves the children to whoever makes the next attempt. */
  protected leaveChildren(reason: unknown): void {
    this.#children?.leave(reason);
  }

  protected override onAborted(reason: unknown): void {
    if (this.#children === undefined) return;
    if (leavesChildren(reason)) this.#children.leave(reason);
    else this.#children.cancelAll(requestOf(reason));
  }

  protected override returned(value: unknown): void {
    if (this.#children === undefined) super.returned(value);
    else this.#join(this.#children, { threw: false, value, inTime: this.timeLimit === undefined });
  }

  protected override threw(error: unknown): void {
    if (this.#children === undefined) super.threw(error);
    else this.#join(this.#children, { threw: true, error });
  }

  protected override force(end: ForcedEnd): void {
    const children = this.#children;
    if (children === undefined) super.force(end);
    else if (this.close()) this.#forceWith(children, end);
    // Nobody waits for them any longer.
    else if (end === 'interrupted' && this.#forced !== undefined) this.#tellForced(children, this.#forced);
  }

  #forceWith(children: ChildRuns, end: ForcedEnd): void {
    this.#forced = end;
    if (end === 'interrupted') this.#tellForced(children, end);
    // A handler that waited for them has its turn: mostly it settles then, and need not be left behind.
    else void children.closed().then(() => nextTurn(() => this.#tellForced(children, end)));
  }

  /** The handler has settled; the attempt ends when its children have. */
  #join(children: ChildRuns, settled: Settled): void {
    this.#settled = settled;
    if (this.#told) {
      this.onLate();
      return;
    }
    this.giveSlot();
    // Who has ended it without its handler reports that, too.
    if (this.ended) return;
    if (settled.threw) {
      if (isInterruption(settled.error)) this.interrupt();
      else children.cancelAll({ by: 'parent', reason: 'its parent has failed' });
    }
    void children.closed().then(() => this.#end(children, settled));
  }

  #end(children: ChildRuns, settled: Settled): void {
    if (!this.close()) return;
    this.#told = true;
    children.dispose();
    const { failure } = children;
    if (this.interrupted && (settled.threw || children.leftOpen))
      this.onThrew(settled.threw ? settled.error : this.signal.reason, true);
    else if (failure !== undefined && this.timeLimit === undefined) this.onThrew(failure, false);
    else if (settled.threw) this.onThrew(whyItFailed(settled.error, this.timeLimit), false);
    // Its children were still at work when its time ran out.
    else if (settled.inTime && this.timeLimit !== undefined) this.onThrew(this.timeLimit, false);
    else this.onReturned(settled.value);
  }

  #tellForced(children: ChildRuns, end: ForcedEnd): void {
    if (this.#told) return;
    this.#told = true;
    children.dispose();
    const settled = this.#settled;
    if (settled === undefined) this.onForced(end, this.timeLimit);
    else if (!settled.threw && end === 'grace') this.onReturned(settled.value);
    else
      this.onThrew(
        whyItFailed(settled.threw ? settled.error : this.signal.reason, this.timeLimit),
        end === 'interrupted',
      );
  }

  get #group(): ChildRuns {
    return (this.#children ??= new ChildRuns(
      {
        run: this.run,
        task: this.task,
        itemIndex: this.itemIndex,
        steps: this.#keptSteps,
        mayHaveEarlier: this.mayBeRepeated,
        lentFor: (wait) => this.#lentFor(wait),
        signal: () => this.signal,
        failFast: (error) => this.abort(error),
      },
      this.tools.children,
    ));
  }

  get #keptSteps(): Steps | undefined {
    return (this.#steps ??= { kept: this.newSteps() }).kept;
  }

  #lentFor<T>(wait: Promise<T>): Promise<T> {
    if (this.#slotGiven) return wait;
    return (this.#slot ??= this.#newSlot()).lentFor(wait);
  }

  #newSlot(): AttemptSlot {
    const { slots, logger } = this.tools;
    return new AttemptSlot({ slots, logger, owner: this.slotOwner, place: this.place });
  }

  #refuseStart(): void {
    if (this.aborted) throw this.signal.reason;
    this.refuseIfOver();
    if (this.#settled !== undefined) throw attemptIsOver();
  }

  /** @throws {unknown} the signal's reason, or RUN_CONFLICT, where the attempt has ended or is somebody else's. */
  protected refuseIfOver(): void {
    if (this.aborted && (this.ended || hasCode(this.signal.reason, 'LEASE_LOST'))) throw this.signal.reason;
    if (this.ended) throw attemptIsOver();
  }
}

function attemptIsOver(): TaskError {
  return new TaskError(
    'RUN_CONFLICT',
    'The attempt is over: its handler has settled, so nothing more can be done in it',
  );
}

/** Whether the run goes on elsewhere, or later, and its children with it. */
export function leavesChildren(reason: unknown): boolean {
  return hasCode(reason, 'RUN_INTERRUPTED') || hasCode(reason, 'LEASE_LOST');
}

/** Children are cancelled because of what their parent has met. */
function requestOf(reason: unknown): CancelledRequest {
  if (hasCode(reason, 'CHILD_FAILED')) return { by: 'parent', reason: 'another child of its parent has failed' };
  const why = reason instanceof CancelledError ? reason.reason : isTaskError(reason) ? reason.message : null;
  return { by: 'parent', reason: why?.slice(0, MAX_REASON_LENGTH) ?? null };
}
