import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { sqlite } from '../../../src/backends/sqlite/sqlite-backend.js';
import { Stage } from '../../../src/testing/contract/stage.js';
import { programs, ROOT } from '../../scenarios/program.js';
import { temporaryFolders } from '../../temporary-folder.js';
import { until } from '../../until.js';

const makeFolder = temporaryFolders();
const start = programs();

/**
 * A process that does a run of endless steps: each starts a child and keeps what came of it, and is told when that has
 * been answered. It says where it begins, and prints `!` first where a step that was kept is not as it was.
 */
const WORKER = `
  import { writeSync } from 'node:fs';
  import { sqlite } from ${JSON.stringify(join(ROOT, 'dist/backends/sqlite/index.js'))};
  const backend = sqlite({ file: process.argv[1] });
  const none = () => undefined;
  const timer = (ms, call) => { const t = setTimeout(call, ms); return { cancel: () => clearTimeout(t), unref: () => t.unref(), ref: () => t.ref() }; };
  const clock = { now: Date.now, monotonic: () => performance.now(), after: timer };
  const plenty = { keepResultMs: 1e9, maxFinished: 1e6, keepFailedMs: 1e9, maxFailed: 1e6, keepKeyMs: 1e9, maxKeys: 1e6 };
  const observer = { settled: none, forgotten: none, cancelledLate: none };
  await backend.open({ clock, logger: undefined, queueLimit: 1e6, retention: plenty, observer });
  const plain = { idIsNew: false, kind: 'run', task: 'task', queue: 'default', input: 1, priority: 0, maxAttempts: 3,
    onCrash: 'retry', maxCrashes: 1, delayMs: 0, expiresInMs: null, tags: [], owner: null, idempotency: null,
    redriveOf: null, parent: null, hardLimitMs: null, checkpoint: null };
  const textOf = (n) => JSON.stringify({ n, filling: 'x'.repeat((n * 37) % 6_000) });
  async function work(run, lease) {
    const kept = await backend.stepsOf(lease);
    for (let n = 0; n < kept.size; n += 1) if (kept.get('step-' + n) !== textOf(n)) writeSync(1, '!');
    writeSync(1, 'begins ' + kept.size + ' after ' + run.crashes + '\\n');
    for (let n = kept.size; ; n += 1) {
      const parent = { id: run.id, ordinal: run.ordinal, depth: 1, key: 'child-' + n };
      await backend.accept({ ...plain, id: 'child-' + n, delayMs: 1e6, parent }, 'return');
      await backend.keepStep(lease, 'step-' + n, textOf(n));
      writeSync(1, 'kept ' + n + '\\n');
    }
  }
  backend.work({ freeSlots: () => 1, take: (run, lease) => ({ begin: () => void work(run, lease), cancel: none, lost: none }) });
  if ((await backend.find('endless')) === undefined) await backend.accept({ ...plain, id: 'endless' }, 'error');
`;

/** The last number that was told. */
function told(stdout: string): number {
  return Number(/kept (\d+)\n(?!.*kept \d+\n)/s.exec(stdout)?.[1] ?? -1);
}

describe('a process that is killed between any two steps', () => {
  it('has kept every step and every child that it had told of, and the next one goes on behind them', async () => {
    const file = join(await makeFolder(), 'errand.db');
    let least = 0;
    for (const more of [1, 40, 7, 111]) {
      const worker = start(process.execPath, ['--input-type=module', '-e', WORKER, file], { cwd: ROOT });
      await worker.prints(/begins \d+ after \d\n/);
      await until(() => told(worker.stdout) >= least + more);
      worker.kill('SIGKILL');
      const { stdout, stderr } = await worker.ended;
      const [, begins, crashes] = /^begins (\d+) after (\d)\n/.exec(stdout) ?? [];
      expect([stderr, Number(begins) >= least]).toEqual(['', true]);
      // Each process has kept a step: crashes never add up to more than its run may take.
      expect(crashes).toBe(least === 0 ? '0' : '1');
      least = told(stdout) + 1;
    }
    await Stage.open(
      () => sqlite({ file }),
      {},
      async (stage) => {
        stage.work((_kind, task) => (task === null || stage.deliveries.length > 0 ? 0 : 1));
        const { run, lease } = await stage.delivery('endless');
        const kept = await stage.backend.stepsOf(lease);
        const children = await stage.backend.childrenOf(run, 'all');
        expect(kept.size).toBeGreaterThanOrEqual(least);
        expect([...kept.keys()].sort()).toEqual(Array.from(kept, (_, n) => `step-${n}`).sort());
        expect(children.length - kept.size === 0 || children.length - kept.size === 1).toBe(true);
        expect(children.map(({ parent }) => parent?.key)).toEqual(children.map((_, n) => `child-${n}`));
      },
    );
  });
});
