import { Readable } from 'node:stream';
import { BatchProcessor } from '../batch/batch-processor.js';
import type { MaybePromise } from '../ports/backend.js';
import type { Checkpoint } from '../ports/checkpoint.js';
import type { ByteStream } from '../ports/files.js';
import { managerCore, type TaskManager } from '../manager/task-manager.js';
import { keepCheckpoint, runOf } from '../manager/attempt-context.js';
import type { ManagerCore } from '../manager/manager-core.js';
import type { RunHandle } from '../manager/run-handle.js';
import type { StartOptions } from '../manager/manager-options.js';
import type { Start } from '../manager/start-request.js';
import { CRASH_DEFAULTS } from '../task/crash-policy.js';
import { TaskError, unconfirmedRunOf } from '../task/errors.js';
import { NO_RETRY } from '../task/retry-policy.js';
import type { ResolvedTask } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import { showFailures } from './shown-failures.js';
import { ImportFiles } from './import-files.js';
import { SharedImportFiles } from './shared-import-files.js';
import type { SpooledBody } from './spool.js';
import { resolveImportOptions, type ImportOptions, type ImportRequest } from './import-options.js';
import { ImportLedger } from './import-ledger.js';
import { type ImportParts, ImportRun } from './import-run.js';
import { checkpointOf, firstState, type ImportResult, stateOf } from './import-state.js';

/** The imports of each manager that has any. */
const made = new WeakMap<TaskManager, ImportRuns>();

/**
 * Adds imports to a manager, once: runs of the kind `import`, which feed the records of a file to a task.
 *
 * @throws {TypeError|RangeError} when an option is unknown, of the wrong type or out of range.
 * @throws {Error} when the manager has imports already: the runs of the ones would be handled by the others.
 */
export function importRuns(options: ImportOptions): ImportRuns {
  const resolved = resolveImportOptions(options);
  if (made.has(options.manager)) {
    throw new Error('This manager has imports already: call importRuns() once, before its routes are mounted');
  }
  const imports = new ImportRuns(resolved);
  made.set(options.manager, imports);
  return imports;
}

/** What {@link importRuns} has made for a manager. */
export function importsOf(manager: TaskManager): ImportRuns | undefined {
  return made.get(manager);
}

/** The imports of a manager. */
export class ImportRuns {
  /** The longest body, in bytes. */
  readonly maxBytes: number;
  readonly #core: ManagerCore;
  readonly #processors: Pick<ImportParts, 'processor' | 'oneByOne'>;
  readonly #task: ResolvedTask;
  readonly #imported: ImportFiles;

  constructor({ manager, files, batchSize, maxConcurrent, ...limits }: Required<ImportOptions>) {
    this.maxBytes = limits.maxBytes;
    this.#core = managerCore(manager);
    const Files = this.#core.backend.shared === true ? SharedImportFiles : ImportFiles;
    this.#imported = new Files({ core: this.#core, files, ...limits });
    const { clock, random } = this.#core.options;
    this.#processors = {
      processor: new BatchProcessor({ batchSize, maxConcurrent, clock, random }),
      oneByOne: new BatchProcessor({ batchSize: 1, maxConcurrent: 1, clock, random }),
    };
    this.#task = this.#importTask();
    this.#core.handleImports({
      task: this.#task,
      mayBegin: () => this.#imported.mayBegin(),
      onForgotten: (run) => this.#imported.forget(run),
    });
    void files.sweep(); // the first import may be long in coming
  }

  /**
   * Opens the manager, and finds the files of runs that an earlier process has left; what nobody needs any more goes.
   * The first import does it; call it to see errors early.
   *
   * @throws {TaskError} BACKEND when runs or files cannot be used.
   */
  open(): Promise<void> {
    return this.#imported.ready();
  }

  /**
   * Stores the body whole, then starts the import of its records into the task. Once this resolves the import no longer
   * depends on whoever sent the body. With an `idempotencyKey`, a second start with the same task, format, bytes and
   * options gives the first one's run, and the body that came with it is removed.
   *
   * @throws {TaskError} TASK_UNKNOWN; RUN_CONFLICT, KEY_REUSED, QUEUE_FULL, MANAGER_CLOSED as `start`; QUEUE_FULL when there is no room
   * for the body; BACKEND when it could not be stored. @throws {FileTooLargeError} when it is longer than `maxBytes`. @throws the body's own error, unchanged.
   */
  async start(
    task: string,
    { format, body, expectedBytes = 0, signal, ...options }: ImportRequest,
  ): Promise<RunHandle<ImportResult>> {
    const { queue, priority } = this.#core.registry.get(task);
    this.#core.refuseIfClosing();
    await this.#imported.ready();
    this.#imported.spool.refuseIfFull(expectedBytes);
    const hashed = options.idempotencyKey !== undefined;
    // Only its body tells whether a start with a key is a new one: it may find its run also when no more can wait.
    if (!hashed) await this.#refuseIfQueueFull();
    const spooled = await this.#imported.spool.put(body, { signal, hashed });
    const start = {
      task: { ...this.#task, queue, priority },
      name: task,
      kind: 'import' as const,
      input: undefined,
      checkpoint: checkpointOf(firstState(spooled, format)),
      sameInput: { format, sha256: spooled.sha256 },
    };
    const handle = await this.#accept(start, options, spooled);
    // The import is accepted: what becomes of its body no longer matters to whoever sent it.
    await this.#keepUntilEnd(handle, spooled).catch((err: unknown) => {
      this.#core.options.logger?.error({ runId: handle.id, err }, 'The body of an import could not be removed');
    });
    // What the import's handler returns is an ImportResult.
    return handle as RunHandle<ImportResult>;
  }

  /** @throws as `ManagerCore.start` does; nothing is left of the body then, unless its run may still begin. */
  async #accept(start: Start, options: StartOptions, spooled: SpooledBody): Promise<RunHandle<unknown>> {
    try {
      return await this.#core.start(start, options);
    } catch (error) {
      const runId = unconfirmedRunOf(error);
      if (runId === undefined) await this.#imported.spool.remove(spooled).catch(() => undefined);
      else this.#imported.spool.keep(runId, spooled);
      throw error;
    }
  }

  /** The run of a replayed start has a body of its own. */
  async #keepUntilEnd(handle: RunHandle<unknown>, spooled: SpooledBody): Promise<void> {
    if (handle.replayed) await this.#imported.spool.remove(spooled);
    else await this.#imported.keepUntilEnd(handle.id, spooled);
  }

  /** A body that would be refused in the end need not be read. */
  async #refuseIfQueueFull(): Promise<void> {
    const { queueLimit } = this.#core.options;
    let waiting = 0;
    for (const { counts } of await this.#core.backend.counts())
      waiting += counts.scheduled + counts.queued + counts.retrying;
    if (waiting < queueLimit) return;
    throw new TaskError('QUEUE_FULL', `No more than ${queueLimit} runs can wait; try again later`);
  }

  /**
   * The records that have failed until now, as NDJSON, each line `{ index, line, item, error: { code, message }, attempts }`.
   * Where there was no room for all of them, a last line `{ omitted }` says how many more there are. `exposeErrors`:
   * whether messages are shown that were not written for callers; default false. Undefined where there is no import of
   * this id. Destroy the stream if you do not read it to its end.
   *
   * @throws {TaskError} BACKEND when they could not be read.
   */
  async failures(
    id: string,
    { exposeErrors = false }: { readonly exposeErrors?: boolean } = {},
  ): Promise<ByteStream | undefined> {
    await this.#imported.ready();
    const run = await this.#core.find(id);
    if (run?.kind !== 'import') return undefined;
    const file = this.#imported.failuresOf(run);
    if (file === undefined) return Readable.from([]);
    return showFailures(await file.open(), { exposeErrors, omitted: file.omitted });
  }

  /** What the manager calls as it calls a task's handler. It holds no slot, so it has no limits of its own. */
  #importTask(): ResolvedTask {
    return {
      name: 'import',
      input: undefined,
      queue: 'default',
      priority: 0,
      retry: NO_RETRY,
      limits: {},
      crash: CRASH_DEFAULTS,
      children: 'fail-fast',
      hooks: { onSettled: ({ id }) => this.#imported.spool.removeOf(id) },
      handler: (_, ctx) => this.#run(ctx),
    };
  }

  async #run(ctx: TaskContext): Promise<ImportResult | undefined> {
    await this.#imported.ready();
    const run = runOf(ctx);
    const state = stateOf(run);
    if (state === undefined) throw new TaskError('BACKEND', 'It is not known any more which file is imported');
    const core = this.#core;
    const failures = await this.#imported.beginFailures(run, state);
    const keep = (checkpoint: Checkpoint): MaybePromise<boolean> => keepCheckpoint(ctx, checkpoint);
    const records = new ImportRun({
      ...{ ctx, core, ...this.#processors, files: this.#imported.store },
      ledger: new ImportLedger(state, {
        ...{ failures, crashes: run.crashes ?? 0 },
        keep: core.backend.durable ? keep : undefined,
      }),
      task: core.registry.get(run.task ?? ''),
    });
    try {
      return await records.handle();
    } finally {
      // What the import has come to stands: it has flushed its failures already, or something worse has ended it.
      await this.#imported.endFailures(run, failures).catch((err: unknown) => {
        this.#core.options.logger?.error({ runId: ctx.runId, err }, 'The failures of an import could not be closed');
      });
    }
  }
}
