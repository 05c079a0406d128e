import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventReader } from './event-reader.js';

const MIB = 1_048_576;
/** More than the kernel and any buffer take. */
const TOLD_MIB = 80;
/** It is 2: a mebibyte of events that all clients share, and what is on its way. One that kept all for the client had 81. */
const KEPT_MIB = 8;

/**
 * A server of its own, whose memory nothing else shares: it begins a run, tells its port, and whenever it is sent a
 * number has told as many mebibytes of events, and answers with the bytes that garbage collection left.
 */
const SERVER = `
  import Koa from 'koa';
  import { TaskManager } from 'errand';
  import { taskRoutes } from 'errand/koa';
  const manager = new TaskManager();
  let log;
  await manager.start('told', (ctx) => {
    log = ctx.log;
    return new Promise(() => {});
  });
  const app = new Koa().use(taskRoutes({ manager }).routes());
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  async function tell(mebibytes) {
    for (let line = 0; line < mebibytes * 128; line += 1) {
      log.info(String(line).padEnd(8_192, 'x'));
      if (line % 10 === 9) await turn();
    }
    for (let count = 0; count < 10; count += 1) await turn();
  }
  function kept() {
    gc();
    gc(); // waits for the thread on which the first one frees buffers
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  }
  process.on('disconnect', () => process.exit());
  process.on('message', (mebibytes) => void tell(mebibytes).then(() => process.send(kept())));
  const server = app.listen(0, '127.0.0.1', () => process.send(server.address().port));
`;

let child: ChildProcess;
let port: number;

beforeEach(async () => {
  const options = ['--expose-gc', '--input-type=module', '-e', SERVER];
  // Inside the repository, so that it finds the package by its name.
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  child = spawn(process.execPath, options, { cwd, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  port = await answer();
});

afterEach(async () => {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
});

async function answer(): Promise<number> {
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('the server has ended')));
  const [value] = (await Promise.race([once(child, 'message'), ended])) as [number];
  return value;
}

/** Has the server tell so much. @returns the mebibytes that it keeps then. */
async function keptAfter(mebibytes: number): Promise<number> {
  child.send(mebibytes);
  return (await answer()) / MIB;
}

describe('a client that stops reading', () => {
  it('makes the server keep no more of what is told than a bounded part', async () => {
    const reader = await EventReader.open({ port }, '/process/told/events');
    await reader.find('snapshot');
    reader.pause();
    const before = await keptAfter(0);
    const after = await keptAfter(TOLD_MIB);
    expect(after - before).toBeLessThan(KEPT_MIB);
    // It was told, and the client is still there: it has missed much, and goes on.
    reader.resume();
    expect(await reader.find('reset')).toBeDefined();
    reader.close();
  });
});
