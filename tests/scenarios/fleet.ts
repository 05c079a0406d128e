import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunResource } from '../../src/http-api/run-resource.js';
import { linkPackages, listening, type programs, ROOT, type ServerProgram } from './program.js';

/** Where the processes of a fleet run, and what they share. */
export interface FleetPlace {
  /** A folder for what they load and write. */
  readonly cwd: string;
  /** The server that their runs are on. */
  readonly url: string;
  /** What else their environment says. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a handler told: `began`, `ended`, or `aborted` with the code of the reason. */
export interface Told {
  readonly what: string;
  readonly runId: string;
  readonly attempt: number;
  readonly pid: number;
  readonly at: number;
}

/** The tasks that all processes know. What their handlers do stands in a file that outlives every process. */
const TASKS = `
import { appendFileSync } from 'node:fs';
import { defineTask, sleep } from 'errand';

const tell = (what, ctx) =>
  appendFileSync('told.ndjson', JSON.stringify({ what, runId: ctx.runId, attempt: ctx.attempt, pid: process.pid, at: Date.now() }) + '\\n');

async function steps(ctx, count) {
  tell('began', ctx);
  try {
    for (let step = 1; step <= count; step += 1) {
      await sleep(50, { signal: ctx.signal });
      ctx.progress(step, count);
    }
  } catch {
    tell('aborted ' + ctx.signal.reason.code, ctx);
    await sleep(50); // it tidies up
    throw ctx.signal.reason;
  }
  tell('ended', ctx);
  return { pid: process.pid };
}

/** Takes steps of 50 ms. */
export const report = defineTask({ name: 'report', handler: ({ steps: count }, ctx) => steps(ctx, count) });
/** Fails in its first attempt. */
export const flaky = defineTask({
  name: 'flaky',
  retry: { maxAttempts: 2, initialDelayMs: 3_000, factor: 1, maxDelayMs: 3_000, jitter: 'none' },
  handler: async ({ steps: count }, ctx) => {
    if (ctx.attempt > 1) return steps(ctx, count);
    tell('began', ctx);
    throw new Error('the first attempt fails');
  },
});
/** Ignores its signal for so long. */
export const stubborn = defineTask({
  name: 'stubborn',
  handler: async ({ ms }, ctx) => {
    tell('began', ctx);
    ctx.signal.addEventListener('abort', () => tell('aborted ' + ctx.signal.reason.code, ctx));
    await sleep(ms);
    tell('ended', ctx);
    return { pid: process.pid };
  },
});
/** What a schedule starts. */
export const tick = defineTask({ name: 'tick', handler: (_, ctx) => tell('began', ctx) });
`;

/** The processes of a fleet. They are ended when the test is over. */
export class Fleet {
  readonly #start: ReturnType<typeof programs>;
  readonly #place: FleetPlace;
  readonly #data: Readonly<Record<string, string>> = { ERRAND_DATA: 'shared' };

  private constructor(start: ReturnType<typeof programs>, place: FleetPlace) {
    this.#start = start;
    this.#place = place;
  }

  static async at(start: ReturnType<typeof programs>, place: FleetPlace): Promise<Fleet> {
    await linkPackages(place.cwd);
    await writeFile(join(place.cwd, 'tasks.mjs'), TASKS);
    await appendFile(join(place.cwd, 'told.ndjson'), '');
    return new Fleet(start, place);
  }

  /** One that serves HTTP and handles no runs. @param url where it finds the server of the runs, if not where all do. */
  api({ tasks = ['tasks.mjs'], url = this.#place.url } = {}): Promise<ServerProgram> {
    return this.#run(['serve', '--no-work', ...tasksOf(tasks)], url);
  }

  /** One that handles runs; its URL is that of its health endpoint. */
  worker({
    tasks = ['tasks.mjs'],
    url = this.#place.url,
    args = [] as readonly string[],
  } = {}): Promise<ServerProgram> {
    return this.#run(['worker', ...tasksOf(tasks), ...args], url);
  }

  /** What handlers of all processes have told, oldest first. */
  async told(runId?: string): Promise<readonly Told[]> {
    const lines = (await readFile(join(this.#place.cwd, 'told.ndjson'), 'utf8')).split('\n').slice(0, -1);
    const told = lines.map((line) => JSON.parse(line) as Told);
    return runId === undefined ? told : told.filter((one) => one.runId === runId);
  }

  #run(args: readonly string[], url: string): Promise<ServerProgram> {
    const { cwd, env: more } = this.#place;
    const env = { PORT: '0', ERRAND_BACKEND: url, ...this.#data, ...more };
    return listening(this.#start(process.execPath, [join(ROOT, 'dist/cli/main.js'), ...args], { cwd, env }));
  }
}

function tasksOf(modules: readonly string[]): readonly string[] {
  return modules.flatMap((module) => ['--tasks', module]);
}

/** As `kill -9` does. */
export async function kill(program: ServerProgram): Promise<void> {
  program.kill('SIGKILL');
  await program.ended;
}

/** As whoever deploys does. @returns its exit code. */
export async function terminate(program: ServerProgram): Promise<number | null> {
  program.kill('SIGTERM');
  return (await program.ended).code;
}

/** The status of a path, on a connection of its own. */
export async function statusOf({ url }: ServerProgram, path: string): Promise<number> {
  const answer = await fetch(`${url}${path}`, { headers: { Connection: 'close' } });
  await answer.text();
  return answer.status;
}

/** All runs there are, of whatever status, newest first. */
export async function allRuns({ url }: ServerProgram): Promise<readonly RunResource[]> {
  const runs: RunResource[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: '200', ...(cursor !== undefined && { cursor }) });
    const answer = await fetch(`${url}/process?${query.toString()}`);
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    const page = (await answer.json()) as { items: RunResource[]; nextCursor?: string };
    runs.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return runs;
}

/** Looks every 20 ms until a fact holds, at most so long. What cannot be asked now may be asked later. */
export async function within(ms: number, fact: () => Promise<boolean>): Promise<void> {
  const begunAt = performance.now();
  while (!(await fact().catch(() => false))) {
    if (performance.now() - begunAt > ms) throw new Error(`what the test waited for was not so after ${ms} ms`);
    await sleep(20);
  }
}
