import type { BatchProcessor } from '../batch/batch-processor.js';
import type { ItemContext } from '../batch/batch-item.js';
import type { EndedOutcome, FailedOutcome } from '../batch/outcome.js';
import type { ManagerCore } from '../manager/manager-core.js';
import type { MaybePromise } from '../ports/backend.js';
import type { FileStore } from '../ports/files.js';
import { hasCode, steering, TaskError } from '../task/errors.js';
import { describeError } from '../task/run-error.js';
import type { ResolvedTask } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import { unlessAborted } from '../timing/on-abort.js';
import { countRecords } from './count-records.js';
import type { ImportLedger } from './import-ledger.js';
import type { ImportRecord } from './import-record.js';
import type { ImportResult } from './import-state.js';
import { readRecords } from './records.js';

/** What an {@link ImportRun} works with. */
export interface ImportParts {
  /** Of the import's run. */
  readonly ctx: TaskContext;
  readonly core: ManagerCore;
  readonly processor: BatchProcessor;
  /** For records at which processes may have died. */
  readonly oneByOne: BatchProcessor;
  readonly files: FileStore;
  readonly ledger: ImportLedger;
  /** What each record is given to. */
  readonly task: ResolvedTask;
}

/**
 * One import at work: counts the records of its file, then feeds those to the task that no earlier process has brought
 * to their end.
 */
export class ImportRun {
  readonly #parts: ImportParts;
  /** Attempts that are over, but whose handlers are still at work: the next attempt of the record waits for them. */
  readonly #atWork = new Map<number, Promise<void>>();

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
  async handle(): Promise<ImportResult | undefined> {
    const { ctx, files, ledger } = this.#parts;
    const { file, format } = ledger;
    await ledger.takeUp();
    if (ledger.total === null)
      await ledger.counted(await countRecords(files, { name: file.name, format, mayGoOn: this.#mayCount() }));
    this.#tellProgress();
    if (!ctx.signal.aborted) await this.#handleAll();
    if (ctx.signal.aborted && !hasCode(ctx.signal.reason, 'RUN_CANCELLED')) throw ctx.signal.reason;
    await this.#store(ledger.close());
    this.#tellProgress();
    return ledger.result;
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

  async #handleAll(): Promise<void> {
    const { ctx, ledger, processor, oneByOne } = this.#parts;
    const { crashes } = ledger;
    if (crashes.hasSuspects) await this.#handle(oneByOne, (index) => crashes.isSuspect(index));
    if (!ctx.signal.aborted) await this.#handle(processor, (index) => ledger.wants(index));
  }

  async #handle(processor: BatchProcessor, wants: (index: number) => boolean): Promise<void> {
    const { ctx, task, ledger, files } = this.#parts;
    const records = readRecords(await files.open(ledger.file.name), ledger.format, wants);
    await processor.process(records, (record, item) => this.#attempt(record, item), {
      signal: ctx.signal,
      retry: task.retry,
      keep: 'none',
      onOutcome: (outcome) => this.#note(outcome),
    });
  }

  /** @returns when it is kept, so that never more records are at work, for a later process, than may be at once. */
  #note(outcome: EndedOutcome<ImportRecord, unknown>): MaybePromise<void> {
    const kept =
      outcome.status === 'succeeded'
        ? this.#parts.ledger.recordSucceeded(outcome.item.index)
        : this.#store(this.#fail(outcome));
    if (kept instanceof Promise) return kept.then(() => this.#tellProgress());
    this.#tellProgress();
  }

  #tellProgress(): void {
    const { ctx, ledger } = this.#parts;
    ctx.progress(ledger.succeeded + ledger.failed, ledger.total ?? undefined);
  }

  /** One attempt at one record: it takes a slot of the task, as a run of it would. */
  async #attempt(record: ImportRecord, { attempt, signal }: ItemContext): Promise<unknown> {
    const { core, ctx, task, ledger } = this.#parts;
    const { index } = record;
    const begun = ledger.begin(index);
    if (begun instanceof Promise) await begun;
    if (record.error !== undefined) throw record.error;
    this.#refuseKiller(index);
    await this.#settled(index, signal);
    const { value, released } = await core.callItem({ task, input: record.item, ctx, index, attempt, signal });
    try {
      return await value;
    } catch (error) {
      const forget = released.then(() => void this.#atWork.delete(index));
      this.#atWork.set(index, forget);
      throw error;
    }
  }

  /** @throws {TaskError} CRASHED when so many processes died at this record that no further one is risked. */
  #refuseKiller(index: number): void {
    const { task, ledger } = this.#parts;
    const crashes = ledger.crashes.of(index);
    if (crashes <= task.crash.maxCrashes) return;
    throw steering(new TaskError('CRASHED', `The process died ${crashes} times while this item was at work`));
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
  async #store(storing: Promise<void>): Promise<void> {
    const { ctx, ledger } = this.#parts;
    try {
      await storing;
    } catch (cause) {
      // A cancelled import keeps its counts, as its result, whether or not its last failures could be stored.
      if (ctx.signal.aborted) return;
      throw new TaskError(
        'BACKEND',
        `The failures of this import can no longer be stored. Until then ${ledger.succeeded} of its ${ledger.total} records had succeeded and ${ledger.failed} had failed`,
        { cause },
      );
    }
  }

  #fail({ item: record, error, attempts }: FailedOutcome<ImportRecord>): Promise<void> {
    const { code, message, exposed } = describeError(error, attempts);
    const { index, line } = record;
    const item = record.error === undefined ? record.item : null;
    return this.#parts.ledger.recordFailed({ index, line, item, error: { code, message }, attempts, exposed });
  }
}
