import type { ChildHandle, WaitSignal } from '../task/child-handle.js';
import type { Run } from '../task/run.js';
import type { StreamedEvent } from '../task/run-event.js';
import { decodeValue, encodeValue } from '../task/stored-value.js';
import { checkWait } from './wait.js';

/** What is kept of keyed children and what handlers call their steps cannot be the same. */
const CHILD = 'child:';

/** Where the outcome of the child of this key is kept with its parent. */
export function keptChildKey(key: string): string {
  return CHILD + key;
}

/** How a child has completed, as text; undefined where its result cannot be stored. */
export function keptChildText(run: Run): string | undefined {
  const { result, ...others } = run;
  const encoded = encodeValue(result);
  // JSON holds no line break of its own.
  return encoded.ok ? `${JSON.stringify(others)}\n${encoded.text ?? ''}` : undefined;
}

/** A child that completed in an earlier attempt of its parent, whatever has become of its record: it answers at once. */
export class KeptChild implements ChildHandle<unknown> {
  readonly #run: Omit<Run, 'result'>;
  readonly #result: string;

  /** @param text what {@link keptChildText} has made of it. */
  constructor(text: string) {
    const end = text.indexOf('\n');
    this.#run = JSON.parse(text.slice(0, end)) as Omit<Run, 'result'>;
    this.#result = text.slice(end + 1);
  }

  get id(): string {
    return this.#run.id;
  }

  get task(): string | null {
    return this.#run.task;
  }

  async result(wait?: WaitSignal): Promise<unknown> {
    return (await this.settled(wait)).result;
  }

  settled(wait: WaitSignal = {}): Promise<Run> {
    return new Promise((resolve) => {
      checkWait(wait);
      wait.signal?.throwIfAborted();
      resolve(this.#ended());
    });
  }

  snapshot(): Promise<Run> {
    return Promise.resolve(this.#ended());
  }

  /** It has ended: it stays as it is. */
  cancel(): Promise<Run> {
    return this.snapshot();
  }

  // It has one event, which waits for nothing.
  // eslint-disable-next-line @typescript-eslint/require-await
  async *events(): AsyncIterable<StreamedEvent> {
    const run = this.#run;
    const { id: runId, version: seq, updatedAt: at, task, tags, status, attempt } = run;
    yield { type: 'run:snapshot', seq, at, runId, task, tags, status, attempt, run };
  }

  #ended(): Run {
    return { ...this.#run, result: decodeValue(this.#result === '' ? null : this.#result) };
  }
}
