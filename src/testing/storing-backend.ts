import { TaskError } from 'errand';
import { causeText, checkpointText, inputText, keptOutcome } from '../backends/live/stored-values.js';
import type { Accepted, Lease, MaybePromise, Outcome, StoredRun, Worker, WorkOptions } from '../ports/backend.js';
import type { Checkpoint } from '../ports/checkpoint.js';
import type { NewRun } from '../ports/new-run.js';
import type { StoredSchedule } from '../ports/schedules.js';
import type { Progress } from '../task/run.js';
import type { LogLine } from '../task/run-event.js';
import { decodeValue } from '../task/stored-value.js';
import { ForwardingBackend } from './forwarding-backend.js';

/** What a manager is given for a lease: the run's input has been read once more. */
interface ReadLease extends Lease {
  readonly real: Lease;
}

/**
 * Writes and reads what goes in and comes out, as a durable backend does, in front of one that passes things by
 * reference: what works on it works where runs are kept in a file.
 */
export class StoringBackend extends ForwardingBackend {
  override accept(run: NewRun, ifActive: 'error' | 'return' | 'replace'): MaybePromise<Accepted> {
    return super.accept(stored(run), ifActive);
  }

  override redrive(failed: StoredRun, run: NewRun): MaybePromise<Accepted> {
    return super.redrive(failed, stored(run));
  }

  override acceptDue(
    run: NewRun,
    schedule: StoredSchedule,
    expectedVersion: number,
  ): MaybePromise<Accepted | undefined> {
    return super.acceptDue(stored(run), schedule, expectedVersion);
  }

  override work({ freeSlots, take }: WorkOptions): Worker {
    return super.work({
      freeSlots,
      take: (run, lease) => {
        const read = withInput(run, decodeValue(inputText(run.input)));
        return take(read, { run: read, real: lease } as ReadLease);
      },
    });
  }

  override settle(lease: Lease, outcome: Outcome, held: boolean): MaybePromise<boolean> {
    return super.settle(realOf(lease), readAgain(outcome, lease.run.attempt), held);
  }

  override release(lease: Lease): MaybePromise<void> {
    return super.release(realOf(lease));
  }

  override checkpoint(lease: Lease, checkpoint: Checkpoint): MaybePromise<boolean> {
    return super.checkpoint(realOf(lease), decodeValue(checkpointText(checkpoint)) as Checkpoint);
  }

  override stepsOf(lease: Lease): MaybePromise<ReadonlyMap<string, string>> {
    return super.stepsOf(realOf(lease));
  }

  override keepStep(lease: Lease, key: string, text: string): MaybePromise<string | undefined> {
    return super.keepStep(realOf(lease), key, text);
  }

  override lend(lease: Lease): MaybePromise<void> {
    return super.lend(realOf(lease));
  }

  override takeBack(lease: Lease, signal: AbortSignal): MaybePromise<void> {
    return super.takeBack(realOf(lease), signal);
  }

  override progress(lease: Lease, progress: Progress): void {
    super.progress(realOf(lease), progress);
  }

  override log(lease: Lease, line: LogLine): void {
    super.log(realOf(lease), line);
  }
}

/** Every lease that this backend has handed out is one of these. */
function realOf(lease: Lease): Lease {
  return (lease as ReadLease).real;
}

/** The run as it is read from what was written of it: what the caller does to the input afterwards changes nothing. */
function stored(run: NewRun): NewRun {
  return { ...run, input: decodeValue(textOf(run.input)) };
}

/** The test kit is bundled with errors of its own: a test may ask for the class that it knows. */
function textOf(input: unknown): string | null {
  try {
    return inputText(input);
  } catch (error) {
    throw error instanceof Error ? new TaskError('INPUT_INVALID', error.message) : error;
  }
}

/** The same live run, but with an input that no other attempt has had in its hands. */
function withInput(run: StoredRun, input: unknown): StoredRun {
  return new Proxy(run, {
    get: (target, member) => {
      if (member === 'input') return input;
      const value: unknown = Reflect.get(target, member, target);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

function readAgain(outcome: Outcome, attempt: number): Outcome {
  const { kept } = keptOutcome(outcome, attempt);
  return 'cause' in kept ? { ...kept, cause: causeReadAgain(kept.cause) } : kept;
}

/** Classes do not outlive a process; the stack does not either, but a test that fails should say where. */
function causeReadAgain(cause: unknown): unknown {
  const read = decodeValue(causeText(cause));
  if (cause instanceof Error && read instanceof Error)
    Object.defineProperty(read, 'stack', { value: cause.stack, configurable: true, writable: true });
  return read;
}
