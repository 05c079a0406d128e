import { readdirSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunHandle } from '../../../src/manager/run-handle.js';
import type { TaskContext } from '../../../src/task/task-context.js';
import { until } from '../../until.js';

/** The names of the files below a folder, but the mark of one that is shared. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'store')
    .map((entry) => entry.name);
}

/** What the only file below a folder holds. */
export async function onlyFile(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const [file, ...others] = entries.filter((entry) => entry.isFile());
  if (file === undefined || others.length > 0) throw new Error('there is not one file');
  return readFile(join(file.parentPath, file.name), 'utf8');
}

/** Waits until there are so many files below a folder. */
export const hasFiles = (folder: string, count: number): Promise<void> => until(() => filesIn(folder).length === count);

/** What the file of a run holds. */
export async function textOf(run: RunHandle<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of (await run.file()).stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

/** Gives a piece, says so, and then nothing more, whatever becomes of it. */
export async function* stuck(begun: () => void): AsyncGenerator<string> {
  yield 'half of';
  begun();
  await new Promise(() => undefined);
  yield ' it';
}

/** A handler that returns a file with this text. */
export const fileOf = (text: string) => (ctx: TaskContext) => ctx.file('a.txt', text, { type: 'text/plain' });
