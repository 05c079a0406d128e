import { afterEach, describe, expect, it } from '@jest/globals';
import type { ManagerOptions } from '../../src/manager/manager-options.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { TaskContext } from '../../src/task/task-context.js';
import { systemClock } from '../../src/timing/system-clock.js';
import { FakeClock } from '../fake-clock.js';
import { programs, ROOT } from '../scenarios/program.js';
import { Gate } from './workbench.js';

const STALL_MS = 150;
const managers: TaskManager[] = [];

afterEach(async () => {
  for (const manager of managers.splice(0)) await manager.close({ graceMs: 0 });
});

/** A manager, and what its logger was told of runs: their ids, and the lines. */
function newManager(options: ManagerOptions = {}): { manager: TaskManager; told: [string, string][] } {
  const told: [string, string][] = [];
  const note = () => undefined;
  const warn = (about: object, line?: string) => told.push([String(Reflect.get(about, 'runId')), String(line)]);
  const manager = new TaskManager({
    stallMs: STALL_MS,
    logger: { debug: note, info: note, warn, error: note },
    ...options,
  });
  managers.push(manager);
  return { manager, told };
}

const start = programs();

/** Its run waits for two seconds; whatever the logger is told is printed. */
const WAITING_PROGRAM = `
import { TaskManager } from 'errand';
const say = (_, line) => console.log(line);
const manager = new TaskManager({ stallMs: ${STALL_MS}, logger: { debug: say, info: say, warn: say, error: say } });
const run = await manager.start('waits', async () => {
  console.log('at work');
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await new Promise((resolve) => setTimeout(resolve, ${STALL_MS}));
});
await run.settled();
console.log('goes on');
`;

/** Keeps the event loop from everybody else. */
function busy(ms = 2 * STALL_MS): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** The event loop has come round, timers and all. */
function comeRound(): Promise<void> {
  return passed(STALL_MS / 2);
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock.after(ms, resolve));
}

/** Waits until it is aborted, and is told of with the others that only wait. */
const waits = ({ signal }: TaskContext) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));

function stood(where: string): unknown {
  return expect.stringMatching(
    new RegExp(`^The event loop stood still for ([2-9]\\d\\d|\\d{4,}) ms ${where}\\. Work .* thread: docs/threads.md`),
  );
}

describe('an event loop that stands still', () => {
  it('before a handler waited is told to the log of its run alone, as an event and to the logger', async () => {
    const { manager, told } = newManager();
    const events = manager.events();
    await manager.start('bystander', waits);
    const run = await manager.start('busy', async () => {
      busy();
      await comeRound();
    });
    await run.settled();
    const line = stood('in this handler, before it waited');
    expect(told).toEqual([['busy', line]]);
    for await (const event of events) {
      if (event.type !== 'run:log') continue;
      expect(event).toMatchObject({ runId: 'busy', level: 'warn', message: line });
      break;
    }
  });

  it('in a handler that waits for nothing is told before its run ends, also where it throws', async () => {
    const { manager } = newManager();
    const events = manager.events();
    await manager.start('busy', () => {
      busy();
      throw new Error('after all that');
    });
    const types: string[] = [];
    for await (const { type } of events) if (types.push(type) && type === 'run:failed') break;
    expect(types).toEqual(expect.arrayContaining(['run:log', 'run:failed']));
  });

  it('after a handler waited is told to its run, before that ends, and to those that were at work all the time', async () => {
    const { manager, told } = newManager();
    const events = manager.events();
    const gate = new Gate();
    await manager.start('bystander', waits);
    const run = await manager.start('busy', async () => {
      await gate.promise;
      busy();
      await manager.start('later', waits);
    });
    await comeRound();
    gate.open(undefined);
    await run.settled();
    await comeRound();
    const line = stood('while this handler was at work, and \\d others?');
    expect(told).toEqual([
      ['busy', line],
      ['bystander', line],
    ]);
    const of: string[] = [];
    for await (const event of events) {
      if ('runId' in event && event.runId === 'busy') of.push(event.type);
      if (event.type === 'run:completed') break;
    }
    expect(of.slice(-2)).toEqual(['run:log', 'run:completed']);
  });

  it('is told to five runs at most', async () => {
    const { manager, told } = newManager();
    for (let at = 0; at < 8; at += 1) await manager.start(`waits-${at}`, waits);
    await comeRound();
    busy();
    await comeRound();
    expect(told).toHaveLength(5);
    expect(told[0]).toEqual([expect.any(String), stood('while this handler was at work, and 7 others')]);
  });

  it('is told each time', async () => {
    const { manager, told } = newManager();
    await manager.start('waits', waits);
    for (let time = 1; time <= 2; time += 1) {
      await comeRound();
      busy();
      await comeRound();
      expect(told).toHaveLength(time);
    }
  });

  it('is told to nobody while no handler is at work', async () => {
    const { manager, told } = newManager();
    await (await manager.start('gone', async () => comeRound())).settled();
    busy();
    await (await manager.start('next', async () => comeRound())).settled();
    expect(told).toEqual([]);
  });

  it('is told to nobody where it was shorter, or where nobody wants to know', async () => {
    const patient = newManager({ stallMs: 60_000 });
    const deaf = newManager({ stallMs: Infinity });
    for (const { manager } of [patient, deaf]) {
      const run = await manager.start('busy', async () => {
        busy();
        await comeRound();
        busy();
      });
      await run.settled();
    }
    expect([...patient.told, ...deaf.told]).toEqual([]);
  });

  it('is told to nobody where the process was stopped while it had nothing to do', async () => {
    const program = start(process.execPath, ['--input-type=module', '--eval', WAITING_PROGRAM], { cwd: ROOT });
    await program.prints(/at work/);
    // By then it only waits.
    await passed(500);
    program.kill('SIGSTOP');
    await passed(4 * STALL_MS);
    program.kill('SIGCONT');
    await program.prints(/goes on/);
    expect((await program.ended).stdout).toBe('at work\ngoes on\n');
  });

  it('is told to nobody where the clock is not the computer’s', async () => {
    const clock = new FakeClock();
    const { manager, told } = newManager({ clock });
    const gate = new Gate();
    const run = await manager.start('busy', async () => {
      busy();
      await gate.promise;
      busy();
    });
    await clock.run(10_000);
    gate.open(undefined);
    await run.settled();
    await clock.run(10_000);
    expect(told).toEqual([]);
    await Promise.all([manager.close({ graceMs: 0 }), clock.run(1_000)]);
  });
});

describe('what a handler returns', () => {
  it('is asked once, though it is watched', async () => {
    let asked = 0;
    const lazy = {
      then: (resolve: (value: string) => void) => {
        asked += 1;
        resolve('begun');
      },
    };
    const { manager } = newManager();
    const run = await manager.start('lazy', () => lazy as unknown as Promise<string>);
    expect([await run.result(), asked]).toEqual(['begun', 1]);
  });
});

describe('stallMs', () => {
  it.each([[19], [-1], [NaN], ['200']])('may not be %p', (stallMs) => {
    expect(() => new TaskManager({ stallMs: stallMs as number })).toThrow(/stallMs must be a number of milliseconds/);
  });
});
