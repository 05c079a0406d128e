import type { BatchProcessor } from '../batch/batch-processor.js';
import type { ItemContext } from '../batch/batch-item.js';
import type { Outcome } from '../batch/outcome.js';
import type { ManagerCore } from '../manager/manager-core.js';
import type { FileStore } from '../ports/files.js';
import { hasCode, TaskError } from '../task/errors.js';
import { describeError } from '../task/run-error.js';
import type { ResolvedTask } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import { unlessAborted } from '../timing/on-abort.js';
import { countRecords } from './count-records.js';
import type { FailuresFile } from './failures-file.js';
import type { ImportFormat, ImportRecord } from './import-record.js';
import { readRecords } from './records.js';

/** What became of an import's records: `total` is always the sum of the three. */
export interface ImportResult {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Those that were not handled because the import was cancelled. */
  readonly cancelled: number;
}

/** What an {@link ImportRun} works with. */
export interface ImportParts {
  /** Of the import's run. */
  readonly ctx: TaskContext;
  readonly core: ManagerCore;
  readonly processor: BatchProcessor;
  readonly files: FileStore;
  readonly failures: FailuresFile;
  /** What each record is given to. */
  readonly task: ResolvedTask;
}

/** One import at work: counts the records of its file, then feeds them to the task and keeps the books. */
export class ImportRun {
  readonly #parts: ImportParts;
  /** Attempts that are over, but whose handlers are still at work: the next attempt of the record waits for them. */
  readonly #atWork = new Map<number, Promise<void>>();
  #succeeded = 0;
  #failed = 0;

  constructor(parts: ImportParts) {
    this.#parts = parts;
  }

  /**
   * Handles every record. A cancelled import ends with the counts it has come to; without any where it has not been
   * counted within the grace.
   *
   * @throws {TaskError} INPUT_INVALID when the file as a whole is wrong; BACKEND when it could not be read, or when the
   * failures can no longer be stored: its message says what had become of the records until then; RUN_INTERRUPTED when
   * the manager closes.
   */
  async handle(file: string, format: ImportFormat): Promise<ImportResult> {
    const { ctx, files, failures } = this.#parts;
    const total = await countRecords(files, { name: file, format, mayGoOn: this.#mayCount() });
    ctx.progress(0, total);
    if (!ctx.signal.aborted) {
      await this.#handleAll(readRecords(await files.open(file), format), total);
    }
    if (ctx.signal.aborted && !hasCode(ctx.signal.reason, 'RUN_CANCELLED')) throw ctx.signal.reason;
    await this.#store(failures.flush(), total);
    const [succeeded, failed] = [this.#succeeded, this.#failed];
    return { total, succeeded, failed, cancelled: total - succeeded - failed };
  }

  /**
   * A cancel does not cut the counting short at once: mostly that takes little, and a cancelled import says how much it
   * left undone. But the grace bounds it, and when the manager closes nobody asks for the count.
   */
  #mayCount(): () => void {
    const { ctx, core } = this.#parts;
    const { clock, graceMs } = core.options;
    let cancelledAt: number | undefined;
    return () => {
      if (!ctx.signal.aborted) return;
      cancelledAt ??= clock.monotonic();
      const cancelled = hasCode(ctx.signal.reason, 'RUN_CANCELLED');
      if (!cancelled || clock.monotonic() - cancelledAt >= graceMs) throw ctx.signal.reason;
    };
  }

  async #handleAll(records: AsyncIterable<ImportRecord>, total: number): Promise<void> {
    const { ctx, processor, task } = this.#parts;
    const options = { signal: ctx.signal, retry: task.retry };
    for await (const outcome of processor.stream(records, (record, item) => this.#attempt(record, item), options)) {
      if (outcome.status === 'succeeded') this.#succeeded += 1;
      if (outcome.status === 'failed') await this.#store(this.#fail(outcome), total);
      if (outcome.status !== 'cancelled') ctx.progress(this.#succeeded + this.#failed, total);
    }
  }

  /** One attempt at one record: it takes a slot of the task, as a run of it would. */
  async #attempt(record: ImportRecord, { index, attempt, signal }: ItemContext): Promise<unknown> {
    if (record.error !== undefined) throw record.error;
    await this.#settled(index, signal);
    const { core, ctx, task } = this.#parts;
    const { value, released } = await core.callItem({ task, input: record.item, ctx, index, attempt, signal });
    try {
      return await value;
    } catch (error) {
      const forget = released.then(() => void this.#atWork.delete(index));
      this.#atWork.set(index, forget);
      throw error;
    }
  }

  /** Waits for the handler of the record's last attempt, unless the import is cancelled first. */
  #settled(index: number, signal: AbortSignal): Promise<void> | undefined {
    const atWork = this.#atWork.get(index);
    if (atWork === undefined) return undefined;
    return unlessAborted(signal, (done) => {
      void atWork.then(done);
      return () => undefined;
    });
  }

  /** @throws {TaskError} BACKEND with the counts: nobody would go through the file again only to learn them. */
  async #store(storing: Promise<void>, total: number): Promise<void> {
    try {
      await storing;
    } catch (cause) {
      // A cancelled import keeps its counts, as its result, whether or not its last failures could be stored.
      if (this.#parts.ctx.signal.aborted) return;
      throw new TaskError(
        'BACKEND',
        `The failures of this import can no longer be stored. Until then ${this.#succeeded} of its ${total} records had succeeded and ${this.#failed} had failed`,
        { cause },
      );
    }
  }

  async #fail({ item: record, error, attempts }: Outcome<ImportRecord, unknown> & { status: 'failed' }): Promise<void> {
    this.#failed += 1;
    const { code, message, exposed } = describeError(error, attempts);
    const item = record.error === undefined ? record.item : null;
    const failure = { index: record.index, line: record.line, item, error: { code, message }, attempts };
    await this.#parts.failures.add(failure, { exposed });
  }
}
