import { BatchProcessor } from '../batch/batch-processor.js';
import type { StoredRun } from '../ports/backend.js';
import type { ByteStream, FileStore } from '../ports/files.js';
import { managerCore, type TaskManager } from '../manager/task-manager.js';
import type { ManagerCore } from '../manager/manager-core.js';
import type { RunHandle } from '../manager/run-handle.js';
import type { StartOptions } from '../manager/manager-options.js';
import type { Start } from '../manager/start-request.js';
import { TaskError } from '../task/errors.js';
import { NO_RETRY } from '../task/retry-policy.js';
import { isFinal } from '../task/status.js';
import type { ResolvedTask } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import { FailuresFile, type FailuresLimits } from './failures-file.js';
import { FileRoom } from './file-room.js';
import { showFailures } from './shown-failures.js';
import { Spool, type SpooledBody } from './spool.js';
import { resolveImportOptions, type ImportOptions, type ImportRequest } from './import-options.js';
import type { ImportFormat } from './import-record.js';
import { ImportRun, type ImportResult } from './import-run.js';

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
  readonly #files: FileStore;
  readonly #processor: BatchProcessor;
  readonly #task: ResolvedTask;
  readonly #spool: Spool;
  /** Kept as long as the runs they belong to. */
  readonly #failures = new Map<string, FailuresFile>();
  readonly #failuresLimits: FailuresLimits;

  constructor({ manager, files, batchSize, maxConcurrent, ...limits }: Required<ImportOptions>) {
    const { maxBytes, maxSpoolBytes, maxFailuresBytes } = limits;
    this.maxBytes = maxBytes;
    this.#core = managerCore(manager);
    this.#files = files;
    this.#spool = new Spool({ files, room: new FileRoom(maxSpoolBytes / 2), maxBytes });
    this.#failuresLimits = { room: new FileRoom(maxSpoolBytes / 2), maxBytes: maxFailuresBytes };
    const { clock, random } = this.#core.options;
    this.#processor = new BatchProcessor({ batchSize, maxConcurrent, clock, random });
    this.#task = this.#importTask();
    this.#core.handleImports(this.#task, (run) => this.#forget(run));
    void files.sweep(); // the first import may be long in coming
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
    this.#spool.refuseIfFull(expectedBytes);
    const hashed = options.idempotencyKey !== undefined;
    // Only its body tells whether a start with a key is a new one: it may find its run also when no more can wait.
    if (!hashed) await this.#refuseIfQueueFull();
    const spooled = await this.#spool.put(body, { signal, hashed });
    const start = {
      task: { ...this.#task, queue, priority },
      name: task,
      kind: 'import' as const,
      input: { file: spooled.name, format },
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

  /** @throws as `ManagerCore.start` does; nothing is left of the body then. */
  async #accept(start: Start, options: StartOptions, spooled: SpooledBody): Promise<RunHandle<unknown>> {
    try {
      return await this.#core.start(start, options);
    } catch (error) {
      await this.#spool.remove(spooled).catch(() => undefined);
      throw error;
    }
  }

  /** The run of a replayed start has a body of its own. */
  async #keepUntilEnd(handle: RunHandle<unknown>, spooled: SpooledBody): Promise<void> {
    if (handle.replayed) return this.#spool.remove(spooled);
    this.#spool.keep(handle.id, spooled);
    const run = await handle.snapshot();
    // A backend may have told of the end before it has answered the start.
    if (run === undefined || isFinal(run.status)) await this.#spool.removeOf(handle.id);
  }

  /** A body that would be refused in the end need not be read. */
  async #refuseIfQueueFull(): Promise<void> {
    await this.#core.open();
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
   * whether messages are shown that were not written for callers; default false. Undefined where no import of this
   * id has begun in this process. Destroy the stream if you do not read it to its end.
   *
   * @throws {TaskError} BACKEND when they could not be read.
   */
  async failures(
    id: string,
    { exposeErrors = false }: { readonly exposeErrors?: boolean } = {},
  ): Promise<ByteStream | undefined> {
    const file = this.#failures.get(id);
    if (file === undefined) return undefined;
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
      crash: { onCrash: 'fail', maxCrashes: 0 },
      hooks: { onSettled: ({ id }) => this.#spool.removeOf(id) },
      handler: (input, ctx) => this.#run(input, ctx),
    };
  }

  async #run(input: unknown, ctx: TaskContext): Promise<ImportResult> {
    const { file, format } = input as { file: string; format: ImportFormat }; // written by `start` above
    const run = await this.#core.find(ctx.runId);
    const failures = new FailuresFile(this.#files, this.#failuresLimits);
    this.#failures.set(ctx.runId, failures);
    const records = new ImportRun({
      ctx,
      core: this.#core,
      processor: this.#processor,
      files: this.#files,
      failures,
      task: this.#core.registry.get(run?.task ?? ''),
    });
    try {
      return await records.handle(file, format);
    } finally {
      // What the import has come to stands: it has flushed its failures already, or something worse has ended it.
      await failures.close().catch((err: unknown) => {
        this.#core.options.logger?.error({ runId: ctx.runId, err }, 'The failures of an import could not be closed');
      });
    }
  }

  /** The record of an import is gone: nobody can ask for its failures any more. */
  #forget({ id, kind }: StoredRun): void {
    if (kind !== 'import') return;
    const failures = this.#failures.get(id);
    this.#failures.delete(id);
    failures?.remove().catch((error: unknown) => {
      this.#core.options.logger?.error({ runId: id, err: error }, 'The failures of an import could not be removed');
    });
  }
}
