import { BatchProcessor } from '../batch/batch-processor.js';
import type { StoredRun } from '../ports/backend.js';
import type { ByteStream, FileStore } from '../ports/files.js';
import { managerCore, type TaskManager } from '../manager/task-manager.js';
import type { ManagerCore } from '../manager/manager-core.js';
import type { RunHandle } from '../manager/run-handle.js';
import type { StartOptions } from '../manager/manager-options.js';
import { checkInteger, checkOptions } from '../task/checks.js';
import { NO_RETRY } from '../task/retry-policy.js';
import type { ResolvedTask } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import { FailuresFile } from './failures-file.js';
import { showFailures } from './shown-failures.js';
import type { ImportFormat } from './import-record.js';
import { ImportRun, type ImportResult } from './import-run.js';

/** What {@link importRuns} takes. */
export interface ImportOptions {
  readonly manager: TaskManager;
  /** Where bodies are spooled, and failures written. Closed by whoever made it, after the manager. */
  readonly files: FileStore;
  /** The longest body, in bytes. Default 268,435,456 (256 MiB). */
  readonly maxBytes?: number;
  /** How many records of one import are handled before another import gets its turn. Default 100. */
  readonly batchSize?: number;
  /** How many records are at work at once, over all imports; each also takes a slot of its task. Default 5. */
  readonly maxConcurrent?: number;
}

/** What an import is started with. */
export interface ImportRequest extends Pick<StartOptions, 'id' | 'priority' | 'tags' | 'owner'> {
  readonly format: ImportFormat;
  /** The file. It is read to its end before the import is accepted. */
  readonly body: ByteStream;
  /** Ends the reading of the body; an import that was accepted goes on. */
  readonly signal?: AbortSignal;
}

const KNOWN = ['manager', 'files', 'maxBytes', 'batchSize', 'maxConcurrent'];
const MAX_BYTES = 268_435_456;

/** The imports of each manager that has any. */
const made = new WeakMap<TaskManager, ImportRuns>();

/**
 * Adds imports to a manager, once: runs of the kind `import`, which feed the records of a file to a task.
 *
 * @throws {TypeError|RangeError} when an option is unknown, of the wrong type or out of range.
 * @throws {Error} when the manager has imports already: the runs of the ones would be handled by the others.
 */
export function importRuns(options: ImportOptions): ImportRuns {
  checkOptions("importRuns' options", options, KNOWN);
  if (made.has(options.manager)) {
    throw new Error('This manager has imports already: call importRuns() once, before its routes are mounted');
  }
  const imports = new ImportRuns(options);
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
  /** Spooled bodies of imports that have not ended. */
  readonly #spooled = new Map<string, string>();
  /** Kept as long as the runs they belong to. */
  readonly #failures = new Map<string, FailuresFile>();

  constructor({ manager, files, maxBytes = MAX_BYTES, batchSize = 100, maxConcurrent = 5 }: ImportOptions) {
    this.maxBytes = checkInteger('maxBytes', maxBytes, { min: 1 });
    this.#core = managerCore(manager);
    this.#files = files;
    const { clock, random } = this.#core.options;
    this.#processor = new BatchProcessor({ batchSize, maxConcurrent, clock, random });
    this.#task = this.#importTask();
    this.#core.handleImports(this.#task, (run) => this.#forget(run));
  }

  /**
   * Stores the body whole, then starts the import of its records into the task. Once this resolves the import no longer
   * depends on whoever sent the body.
   *
   * @throws {TaskError} TASK_UNKNOWN; RUN_CONFLICT, QUEUE_FULL, MANAGER_CLOSED as `start`; BACKEND when the body could not
   * be stored. @throws {FileTooLargeError} when it is longer than `maxBytes`. @throws the body's own error, unchanged.
   */
  async start(task: string, { format, body, signal, ...options }: ImportRequest): Promise<RunHandle<ImportResult>> {
    const { queue, priority } = this.#core.registry.get(task);
    this.#core.refuseIfClosing();
    const { name } = await this.#files.put(body, { limitBytes: this.maxBytes, signal });
    try {
      const start = {
        task: { ...this.#task, queue, priority },
        name: task,
        kind: 'import' as const,
        input: { file: name, format },
      };
      const handle = await this.#core.start(start, options);
      this.#spooled.set(handle.id, name);
      // What the import's handler returns is an ImportResult.
      return handle as RunHandle<ImportResult>;
    } catch (error) {
      await this.#files.remove(name).catch(() => undefined);
      throw error;
    }
  }

  /**
   * The records that have failed until now, as NDJSON, each line `{ index, line, item, error: { code, message }, attempts }`.
   * `exposeErrors`: whether messages are shown that were not written for callers; default false. Undefined where there is
   * no such import, or none of its records has failed. Destroy the stream if you do not read it to its end.
   *
   * @throws {TaskError} BACKEND when they could not be read.
   */
  async failures(
    id: string,
    { exposeErrors = false }: { readonly exposeErrors?: boolean } = {},
  ): Promise<ByteStream | undefined> {
    const stored = await this.#failures.get(id)?.open();
    return stored && showFailures(stored, exposeErrors);
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
      hooks: { onSettled: ({ id }) => this.#removeSpooled(id) },
      handler: (input, ctx) => this.#run(input, ctx),
    };
  }

  async #run(input: unknown, ctx: TaskContext): Promise<ImportResult> {
    const { file, format, task } = readInput(input, await this.#core.find(ctx.runId));
    const failures = new FailuresFile(this.#files);
    this.#failures.set(ctx.runId, failures);
    const run = new ImportRun({
      ctx,
      core: this.#core,
      processor: this.#processor,
      files: this.#files,
      failures,
      task: this.#core.registry.get(task),
    });
    try {
      return await run.handle(file, format);
    } finally {
      // What the import has come to stands: it has flushed its failures already, or something worse has ended it.
      await failures.close().catch((err: unknown) => {
        this.#core.options.logger?.error({ runId: ctx.runId, err }, 'The failures of an import could not be closed');
      });
    }
  }

  async #removeSpooled(id: string): Promise<void> {
    const name = this.#spooled.get(id);
    this.#spooled.delete(id);
    if (name !== undefined) await this.#files.remove(name);
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

function readInput(input: unknown, run: StoredRun | undefined): { file: string; format: ImportFormat; task: string } {
  const { file, format } = input as { file: string; format: ImportFormat }; // written by `start` above
  return { file, format, task: run?.task ?? '' };
}
