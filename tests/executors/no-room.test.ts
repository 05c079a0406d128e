import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { deeds } from './deeds.js';

const made = deeds();
const built = (name: string): string => JSON.stringify(new URL(`../../dist/${name}`, import.meta.url).href);

/** Runs a script that may have 60 open files. @returns what it says. */
function withFewFiles(script: string): Promise<string> {
  const command = 'ulimit -n 60 && exec "$0" --input-type=module -e "$1"';
  const options = { cwd: fileURLToPath(new URL('../..', import.meta.url)), timeout: 30_000 };
  return new Promise((resolve) => {
    execFile('sh', ['-c', command, process.execPath, script], options, (_error, out, err) => resolve(out + err));
  });
}

describe.each(['thread', 'process'])('where too many files are open for another %s', (executor) => {
  it('an attempt fails as one that may be tried again, and the manager lives', async () => {
    const url = await made.module(`fine-${executor}.mjs`, 'export default () => "fine";');
    const out = await withFewFiles(`
      import { closeSync, openSync } from 'node:fs';
      import { defineTask, TaskManager } from ${built('index.js')};
      import { threadModule } from ${built('executors/thread/index.js')};
      import 'piscina';

      const module = threadModule(${JSON.stringify(String(url))});
      const task = defineTask({ name: 'task', executor: '${executor}', module });
      const manager = new TaskManager();
      const open = [];
      try { for (;;) open.push(openSync('/dev/null')); } catch {}
      const first = await (await manager.start(task)).settled();
      for (const each of open) closeSync(each);
      const second = await (await manager.start(task)).settled();
      console.log(first.error.message, first.error.code, second.result);
      await manager.close();`);
    expect(out).toBe(`The ${executor} of this attempt could not be made EXECUTOR_LOST fine\n`);
  });
});

describe('where the computer lets no further thread be made', () => {
  it('calls fail alone, none is begun later or twice, and the manager lives', async () => {
    const url = await made.module(
      'counts.mjs',
      `import { setTimeout as sleep } from 'node:timers/promises';
      export default async (ms, ctx) => { ctx.log.info('begun'); await sleep(ms); return 'done'; };`,
    );
    const out = await withFewFiles(`
      import { createRequire } from 'node:module';
      import { setTimeout as sleep } from 'node:timers/promises';
      import { defineTask, TaskManager } from ${built('index.js')};
      import { threadModule, threads } from ${built('executors/thread/index.js')};

      // As Node does where the system refuses one.
      const workers = createRequire(import.meta.url)('node:worker_threads');
      let left = 2;
      workers.Worker = class extends workers.Worker {
        constructor(...args) {
          if (left === 0) throw new Error('EAGAIN');
          left -= 1;
          super(...args);
        }
      };
      process.on('unhandledRejection', (error) => console.log('unhandled', error.message));
      process.on('uncaughtException', (error) => console.log('uncaught', error.message));

      const task = defineTask({ name: 'task', executor: 'thread', module: threadModule(${JSON.stringify(String(url))}) });
      const manager = new TaskManager({ executors: [threads({ maxThreads: 8 })] });
      let begun = 0;
      void (async () => { for await (const { type } of manager.events()) if (type === 'run:log') begun += 1; })();
      const runs = await Promise.all([200, 10, 10, 10, 10, 10].map((ms) => manager.start(task, ms)));
      const ends = await Promise.all(runs.map((run) => run.settled()));
      console.log(ends.map(({ result, error }) => result ?? error.message).join(', '));
      console.log((await (await manager.start(task, 1)).settled()).result, begun);
      await manager.close();
      await sleep(10);`);
    const failed = 'The thread of this attempt could not be made';
    expect(out).toBe(`done, done, ${Array.from({ length: 4 }, () => failed).join(', ')}\ndone 3\n`);
  });
});
