import { managerCore, type TaskManager } from '../manager/task-manager.js';
import type { StartOptions } from '../manager/manager-options.js';
import type { ByteStream, FileStore } from '../ports/files.js';
import { checkInteger, checkOptions } from '../task/checks.js';
import type { ImportFormat } from './import-record.js';

/** What `importRuns` takes. */
export interface ImportOptions {
  readonly manager: TaskManager;
  /**
   * Where bodies are spooled, and failures written. Closed by whoever made it, after the manager. The manager's `files`
   * unless given.
   */
  readonly files?: FileStore;
  /** The longest body, in bytes. Default 268,435,456 (256 MiB). */
  readonly maxBytes?: number;
  /**
   * How many bytes the files of all imports may take up, half of them bodies and half of them failures. Default
   * 4,294,967,296 (4 GiB), or twice `maxBytes` where that is more.
   */
  readonly maxSpoolBytes?: number;
  /** How many bytes the failures of one import may take up; later ones are only counted. Default 268,435,456. */
  readonly maxFailuresBytes?: number;
  /** How many records of one import are handled before another import gets its turn. Default 100. */
  readonly batchSize?: number;
  /** How many records are at work at once, over all imports; each also takes a slot of its task. Default 5. */
  readonly maxConcurrent?: number;
}

/** What an import is started with. */
export interface ImportRequest extends Pick<StartOptions, 'id' | 'priority' | 'tags' | 'owner' | 'idempotencyKey'> {
  readonly format: ImportFormat;
  /** The file. It is read to its end before the import is accepted. */
  readonly body: ByteStream;
  /** How long the body is said to be, in bytes: where there is no room for it, it is not read. */
  readonly expectedBytes?: number;
  /** Ends the reading of the body; an import that was accepted goes on. */
  readonly signal?: AbortSignal;
}

const KNOWN = ['manager', 'files', 'maxBytes', 'maxSpoolBytes', 'maxFailuresBytes', 'batchSize', 'maxConcurrent'];
const MAX_BYTES = 268_435_456;
const MAX_SPOOL_BYTES = 4_294_967_296;

/**
 * Fills the defaults in. What `BatchProcessor` takes it checks itself.
 *
 * @throws {TypeError|RangeError} when an option is unknown, a limit is no number of bytes, there would be no room for the
 * longest body, or neither these options nor the manager's have `files`.
 */
export function resolveImportOptions(options: ImportOptions): Required<ImportOptions> {
  checkOptions("importRuns' options", options, KNOWN);
  const { maxBytes = MAX_BYTES, maxSpoolBytes, maxFailuresBytes = MAX_BYTES } = options;
  const { manager, batchSize = 100, maxConcurrent = 5 } = options;
  const files = options.files ?? managerCore(manager).options.files;
  if (files === undefined)
    throw new TypeError('importRuns needs files, such as fileFolder() makes: give them to it, or to the manager');
  const min = 2 * checkInteger('maxBytes', maxBytes, { min: 1 });
  return {
    manager,
    files,
    maxBytes,
    maxSpoolBytes: checkInteger('maxSpoolBytes', maxSpoolBytes ?? Math.max(MAX_SPOOL_BYTES, min), { min }),
    maxFailuresBytes: checkInteger('maxFailuresBytes', maxFailuresBytes, { min: 0 }),
    batchSize,
    maxConcurrent,
  };
}
