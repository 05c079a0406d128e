import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { deeds } from './deeds.js';

const made = deeds();
const built = (name: string): string => JSON.stringify(new URL(`../../dist/${name}`, import.meta.url).href);

/** Runs a script that may have 60 open files. */
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
