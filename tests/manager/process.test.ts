import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const built = new URL('../../dist/index.js', import.meta.url).href;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a script against the built package in a process of its own, which has 30 seconds to end by itself: less than anything it would wait for. */
function inProcess(script: string): Promise<Ended> {
  const source = `
    import { TaskManager, taskManager, defineTask } from ${JSON.stringify(built)};
    process.on('unhandledRejection', (error) => { console.log('unhandledRejection', error); process.exit(3); });
    ${script}`;
  return new Promise((resolve) => {
    const options = { cwd: fileURLToPath(new URL('../..', import.meta.url)), timeout: 30_000 };
    const child = execFile(process.execPath, ['--input-type=module', '-e', source], options, (_error, out, err) => {
      resolve({ code: child.exitCode, out: out.trim(), err: err.trim() });
    });
  });
}

describe('a process', () => {
  it('ends by itself after close, whatever was left at work', async () => {
    const ended = await inProcess(`
      const manager = new TaskManager({ graceMs: 60_000 });
      await manager.start('stuck', () => new Promise(() => {}));
      await manager.start('later', () => 1, { delayMs: 60_000, expiresInMs: 90_000, idempotencyKey: 'k' });
      await (await manager.start('bad', () => { throw new Error('no'); })).settled();
      await manager.queues.pause('other');
      await manager.start('paused', () => 1, { queue: 'other' });
      console.log(JSON.stringify(await manager.close({ graceMs: 10 })));`);
    expect(ended).toEqual({ code: 0, out: '{"completed":0,"interrupted":1,"waiting":2,"abandoned":1}', err: '' });
  });

  it('ends by itself without close when nothing waits and nothing is at work', async () => {
    const ended = await inProcess(`
      const run = await taskManager.start('a', (ctx) => { ctx.progress(1); ctx.progress(2); return 'done'; }, { idempotencyKey: 'k', softLimitMs: 60_000 });
      console.log(await run.result());
      await (await taskManager.start('b', () => { throw new Error('no'); }, { expiresInMs: 60_000 })).settled();
      const waits = await taskManager.start('c', () => 1, { delayMs: 60_000 });
      await waits.cancel();
      const paced = defineTask({ name: 't', limits: { rate: { count: 1, perMs: 60_000 } }, handler: () => 1 });
      await (await taskManager.start(paced)).settled();
      const second = await taskManager.start(paced);
      await new Promise((resolve) => setImmediate(resolve));
      await second.cancel();
      taskManager.events();`);
    expect(ended).toEqual({ code: 0, out: 'done', err: '' });
  });

  it('ends by itself when all that is left is a handler that was given up', async () => {
    const ended = await inProcess(`
      const manager = new TaskManager({ graceMs: 10 });
      const run = await manager.start('stuck', () => new Promise(() => {}));
      await new Promise((resolve) => setImmediate(resolve));
      await run.cancel();
      console.log((await run.settled()).abandoned);`);
    expect(ended).toEqual({ code: 0, out: 'true', err: '' });
  });

  it.each([
    ['its time', `await manager.start('a', ran, { delayMs: 200 });`],
    [
      'its next attempt',
      `await manager.start('a', (ctx) => { if (ctx.attempt < 2) throw new Error('no'); ran(); }, { retry: { maxAttempts: 2, initialDelayMs: 200, jitter: 'none' } });`,
    ],
    [
      'its queue',
      `await manager.queues.pause('default'); await manager.start('a', ran); setTimeout(() => manager.queues.resume('default'), 200).unref();`,
    ],
    [
      'its rate',
      `const t = defineTask({ name: 't', limits: { rate: { count: 1, perMs: 200 } }, handler: ran }); await manager.start(t); await manager.start(t);`,
    ],
  ])('stays up for a run that waits for %s', async (_what, script) => {
    const ended = await inProcess(`
      const manager = new TaskManager();
      const ran = () => console.log('ran');
      ${script}`);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(ended.out.split('\n').at(-1)).toBe('ran');
    expect(ended.out.split('\n')).toHaveLength(script.includes('rate:') ? 2 : 1);
  });

  it('hears of no rejection that nobody reads', async () => {
    const ended = await inProcess(`
      const manager = new TaskManager({ graceMs: 10, onSettled: () => Promise.reject(new Error('hook')) });
      const fails = await manager.start('fails', () => Promise.reject(new Error('no')));
      fails.result();
      const cancelled = await manager.start('cancelled', () => 1, { delayMs: 60_000 });
      cancelled.result();
      cancelled.settled({ signal: AbortSignal.abort() });
      cancelled.result({ signal: AbortSignal.abort() });
      await cancelled.cancel();
      const late = await manager.start('late', () => new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 50)));
      await new Promise((resolve) => setImmediate(resolve));
      await late.cancel();
      manager.handle('nobody').result();
      manager.handle('nobody').settled();
      manager.events({ id: 'nobody' });
      await manager.start('async-policy', () => { throw new Error('no'); }, { retry: { maxAttempts: 2, retryOn: () => Promise.reject(new Error('policy')) } });
      setTimeout(() => console.log('quiet'), 100);`);
    expect(ended).toEqual({ code: 0, out: 'quiet', err: '' });
  });

  it('is warned of nothing: not of listeners, not of delays beyond 2^31 ms, which do not fire at once', async () => {
    const ended = await inProcess(`
      const manager = new TaskManager();
      const { signal } = new AbortController();
      const runs = [];
      for (const delayMs of [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 33]) runs.push(await manager.start('run-' + delayMs, () => 1, { delayMs, expiresInMs: 2 ** 34 }));
      for (let n = 0; n < 20; n += 1) for (const run of runs) { run.settled({ signal }); run.events({ signal }); }
      await new Promise((resolve) => setTimeout(resolve, 100));
      console.log((await manager.counts()).total.scheduled);
      await manager.close();`);
    expect(ended).toEqual({ code: 0, out: '4', err: '' });
  });
});
