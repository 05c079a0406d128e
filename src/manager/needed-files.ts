import type { Backend, RunFilter, StoredRun } from '../ports/backend.js';
import type { LabelledFile } from '../ports/files.js';
import { isName } from '../task/checks.js';
import { isFileResult } from '../task/file-result.js';
import { isFinal } from '../task/status.js';

/** A file of a run, and whose it is: what its label says. */
export interface RunFile {
  readonly name: string;
  readonly id: string;
  readonly ordinal: number;
}

/** How many of the last completed runs are asked whether they name a file. */
const SAMPLE = 100;
const LABEL = /^([0-9a-z]{1,11}):(.+)$/;

/** The label of the files of a run. */
export function labelFor({ id, ordinal }: Pick<StoredRun, 'id' | 'ordinal'>): string {
  return `${ordinal.toString(36)}:${id}`;
}

/** Those that are files of runs. */
export function runFiles(files: readonly LabelledFile[]): readonly RunFile[] {
  return files.flatMap(({ name, label }) => {
    const [, ordinal = '', id] = LABEL.exec(label) ?? [];
    return isName(id) ? [{ name, id, ordinal: parseInt(ordinal, 36) }] : [];
  });
}

/**
 * Whether anybody needs a file: the run that it is the result of, as long as there is a record of it.
 *
 * @param mayBecome whether it may still become the result of a run that has not ended.
 */
export async function isNeeded(file: RunFile, backend: Backend, mayBecome: boolean): Promise<boolean> {
  const run = await backend.find(file.id);
  if (run?.ordinal !== file.ordinal) return false;
  return isFinal(run.status) ? nameIn(run.snapshot().result) === file.name : mayBecome;
}

/** Files that are there if their folder is the right one: those of some of the last runs that have completed. */
export async function knownFiles(backend: Backend): Promise<ReadonlySet<string>> {
  const { items } = await backend.list({ ...ALL, status: ['completed'], limit: SAMPLE });
  return new Set(items.flatMap(({ result }) => nameIn(result) ?? []));
}

const ALL: Omit<RunFilter, 'status' | 'limit'> = {
  task: undefined,
  tag: undefined,
  owner: undefined,
  deadLetters: false,
  cursor: undefined,
};

function nameIn(result: unknown): string | undefined {
  return isFileResult(result) ? result.file : undefined;
}
