import { afterAll, beforeAll } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { threadModule } from '../../src/executors/thread/thread-module.js';
import type { RetryPolicy } from '../../src/task/retry-policy.js';
import { defineTask, type Task, type TaskLimits } from '../../src/task/task.js';
import type { ModuleExecutor, ThreadHandler } from '../../src/task/thread-module.js';

/** What the handler of {@link deedTask} is to do, and with what. */
export interface Deed {
  readonly do: string;
  readonly with?: unknown;
}

/** Threads cannot load TypeScript: this is written to a file. Each deed is a way in which a handler can behave. */
const MODULE = `
import { execSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, threadId } from 'node:worker_threads';

const spin = () => { for (;;); };
const endless = () => new Promise(() => setInterval(() => undefined, 1_000));

const deeds = {
  echo: (value) => value,
  where: () => ({ isMainThread, threadId, pid: process.pid }),
  context: (_, { signal, log, progress, ...rest }) => ({ ...rest, aborted: signal.aborted, members: [typeof log.info, typeof progress] }),
  say: async (count, ctx) => {
    for (let at = 1; at <= count; at += 1) { ctx.progress(at, count, 'at ' + at); ctx.log.info('line ' + at); }
    return count;
  },
  'wrong progress': (_, ctx) => ctx.progress(-1),
  flood: (count, ctx) => { for (let at = 0; at < count; at += 1) { ctx.log.debug('x'); ctx.progress(at); } },
  spin: (_, ctx) => { ctx.progress(1); spin(); },
  'spin in a regular expression': (_, ctx) => { ctx.progress(1); return /^(a+)+$/.test('a'.repeat(60) + '!'); },
  block: ({ ms, begun }) => { execSync('touch "' + begun + '" && sleep ' + ms / 1_000); },
  wait: (_, { signal, progress }) => new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    setInterval(() => undefined, 1_000);
    progress(1);
  }),
  'tidy up': (_, { signal, progress, log }) => new Promise((resolve) => {
    signal.addEventListener('abort', async () => {
      const { name, code, message, details } = signal.reason;
      await sleep(5);
      log.info('tidied up');
      resolve({ name, code, message, details, isError: signal.reason instanceof Error });
    });
    setInterval(() => undefined, 1_000);
    progress(1);
  }),
  exit: (code) => process.exit(code),
  'exit when idle': (code) => void setTimeout(() => process.exit(code), 2),
  throw: ({ name, ...rest }) => { throw Object.assign(new Error(rest.message), { name, ...rest }); },
  'throw a TypeError': () => null.x,
  'throw later': () => { setImmediate(() => { throw new Error('thrown later'); }); return endless(); },
  reject: () => { Promise.reject(new Error('rejected')); return endless(); },
  'throw null': () => { throw null; },
  'throw ours': async ([code, ...args]) => {
    const brand = Symbol.for('errand.TaskError'), steers = Symbol.for('errand.steers');
    const error = Object.assign(new Error(args[0]), { name: 'FromAnotherCopy', code, details: args[1] ?? {} });
    throw Object.defineProperty(Object.defineProperty(error, brand, { value: true }), steers, { value: true });
  },
  'fill the stack': () => { const deeper = () => deeper() + 1; return deeper(); },
  // In small pieces: V8 takes the whole process down where a large one finds no room.
  'fill the heap': () => { let kept = null; for (;;) kept = { kept }; },
  abort: () => process.abort(),
  post: async (all) => { for (const each of all) parentPort ? parentPort.postMessage(each) : process.send(each); await sleep(20); },
  'post when idle': (all) => void setTimeout(() => deeds.post(all), 2),
  'return a function': () => ({ inside: () => 1 }),
};

let calls = 0;
export default async function (input, ctx) {
  calls += 1;
  if (input.do === 'count calls') return calls;
  return deeds[input.do](input.with, ctx);
}
`;

/** What {@link deedTask} may be given. */
export interface DeedSettings {
  readonly name?: string;
  readonly retry?: RetryPolicy;
  readonly limits?: TaskLimits;
}

/** Makes tasks whose handler does deeds, and modules of other text; their files are gone in the end. */
export function deeds(): {
  readonly task: (executor: ModuleExecutor, settings?: DeedSettings) => Task<Deed, unknown>;
  readonly module: (name: string, text: string) => Promise<URL>;
} {
  let folder = '';
  let address = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'errand-deeds-'));
    address = String(await write('deeds.mjs', MODULE));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  async function write(name: string, text: string): Promise<URL> {
    const path = join(folder, name);
    await writeFile(path, text);
    return pathToFileURL(path);
  }
  return {
    module: write,
    task: (executor, settings = {}) =>
      defineTask({
        name: `deed-in-a-${executor}`,
        ...settings,
        executor,
        module: threadModule<{ default: ThreadHandler<Deed, unknown> }>(address),
      }),
  };
}
