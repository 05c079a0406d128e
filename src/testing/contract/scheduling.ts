import assert from 'node:assert/strict';
import type { Accepted } from '../../ports/backend.js';
import type { NewRun } from '../../ports/new-run.js';
import type { StoredSchedule } from '../../ports/schedules.js';
import type { FinalStatus } from '../../task/status.js';
import { refuses } from './assertions.js';
import { newRun, newSchedule } from './samples.js';
import type { Stage } from './stage.js';
import type { Facts } from './suite.js';

/** What is promised of schedules and of the runs that they start. */
export function scheduling({ fact }: Facts): void {
  fact('a schedule that was saved is kept as it is', async (stage) => {
    const schedule = newSchedule('s');
    assert.equal(await stage.backend.saveSchedule(schedule, null), true);
    assert.deepEqual(await kept(stage), [schedule]);
  });

  fact('a schedule is changed only by who knows its version', async (stage) => {
    await save(stage, newSchedule('s'));
    const other = { ...newSchedule('s'), version: 2, skipped: 7 };
    for (const expected of [null, 2, 0]) assert.equal(await stage.backend.saveSchedule(other, expected), false);
    assert.equal(await stage.backend.saveSchedule({ ...other, id: 'missing' }, 1), false);
    assert.deepEqual(await kept(stage), [newSchedule('s')]);
    assert.equal(await stage.backend.saveSchedule(other, 1), true);
    assert.deepEqual(await kept(stage), [other]);
  });

  fact('of two changes to one version, made at once, one is kept', async (stage) => {
    await save(stage, newSchedule('s'));
    const changes = [2, 3].map((skipped) => ({ ...newSchedule('s'), version: 2, skipped }));
    const saved = await Promise.all(changes.map(async (each) => stage.backend.saveSchedule(each, 1)));
    assert.deepEqual([...saved].sort(), [false, true]);
    assert.deepEqual(await kept(stage), [changes[saved.indexOf(true)]]);
  });

  fact('a schedule that is removed is gone, once, and its id is free', async (stage) => {
    await save(stage, newSchedule('s'));
    await save(stage, newSchedule('t'));
    assert.equal(await stage.backend.removeSchedule('s'), true);
    assert.equal(await stage.backend.removeSchedule('s'), false);
    assert.deepEqual(await kept(stage), [newSchedule('t')]);
    assert.equal(await stage.backend.saveSchedule(newSchedule('s'), null), true);
  });

  fact('a due run is accepted, and its schedule has moved on', async (stage) => {
    stage.work();
    await save(stage, newSchedule('s'));
    const accepted = await acceptDue(stage, newRun('s@1'), moved(2));
    assert.deepEqual([accepted?.run.id, accepted?.replayed], ['s@1', false]);
    assert.deepEqual(await kept(stage), [moved(2)]);
    await (await stage.delivery('s@1')).complete();
    assert.equal((await stage.run('s@1')).status, 'completed');
  });

  fact('no due run is accepted where its schedule has changed meanwhile, or is gone', async (stage) => {
    assert.equal(await acceptDue(stage, newRun('s@1'), moved(2)), undefined);
    await save(stage, newSchedule('s'));
    assert.ok(await acceptDue(stage, newRun('s@1'), moved(2)));
    assert.equal(await acceptDue(stage, newRun('s@2'), moved(2)), undefined);
    assert.equal(await stage.backend.find('s@2'), undefined);
    assert.deepEqual(await kept(stage), [moved(2)]);
  });

  fact('of two processes that see the same due time, one starts a run', async (stage) => {
    await save(stage, newSchedule('s'));
    const runs = ['s@1', 's@1'].map((id) => acceptDue(stage, newRun(id), moved(2)));
    const accepted = (await Promise.all(runs)).filter((each) => each !== undefined);
    assert.deepEqual(
      accepted.map(({ replayed }) => replayed),
      [false],
    );
  });

  fact('a due run whose id is active is that run, and its schedule has moved on all the same', async (stage) => {
    await save(stage, newSchedule('s'));
    const { run } = await stage.accept('s@1', { delayMs: 60_000 });
    const accepted = await acceptDue(stage, newRun('s@1'), moved(2));
    assert.deepEqual([accepted?.replayed, accepted?.run.ordinal], [true, run.ordinal]);
    assert.deepEqual(await kept(stage), [moved(2)]);
  });

  for (const [how, end] of Object.entries(ENDS)) {
    fact(`a due run whose id has ended as ${how} is not run again, and its schedule has moved on`, async (stage) => {
      stage.work();
      await save(stage, newSchedule('s'));
      await acceptDue(stage, newRun('s@1'), moved(2));
      await end(stage);
      const ended = await stage.run('s@1');
      const again = await acceptDue(stage, newRun('s@1'), moved(3));
      assert.deepEqual([again?.replayed, again?.run.status], [true, how]);
      assert.deepEqual(await kept(stage), [moved(3)]);
      await stage.deliver('next');
      assert.deepEqual([await stage.run('s@1'), stage.order], [ended, ['s@1', 'next']]);
    });
  }

  fact(
    'a due run whose id has ended takes no room: its schedule moves on where none is left',
    async (stage) => {
      stage.work();
      await save(stage, newSchedule('s'));
      await acceptDue(stage, newRun('s@1'), moved(2));
      await ENDS.completed(stage);
      await stage.accept('waits', { delayMs: 60_000 });
      assert.equal((await acceptDue(stage, newRun('s@1'), moved(3)))?.replayed, true);
      assert.deepEqual(await kept(stage), [moved(3)]);
    },
    { queueLimit: 1 },
  );

  fact(
    'a due run that is refused leaves its schedule as it was, to be tried again',
    async (stage) => {
      await save(stage, newSchedule('s'));
      await stage.accept('waits', { delayMs: 60_000 });
      await refuses('QUEUE_FULL', () => acceptDue(stage, newRun('s@1'), moved(2)));
      assert.deepEqual(await kept(stage), [newSchedule('s')]);
      await stage.cancel('waits');
      assert.ok(await acceptDue(stage, newRun('s@1'), moved(2)));
      assert.deepEqual(await kept(stage), [moved(2)]);
    },
    { queueLimit: 1 },
  );

  fact('runs outlive the schedule that started them', async (stage) => {
    await save(stage, newSchedule('s'));
    await acceptDue(stage, { ...newRun('s@1'), delayMs: 60_000 }, moved(2));
    await stage.backend.removeSchedule('s');
    assert.equal((await stage.run('s@1')).status, 'scheduled');
  });
}

/** Ends the run `s@1`. */
const ENDS: Readonly<Record<FinalStatus, (stage: Stage) => Promise<unknown>>> = {
  completed: async (stage) => (await stage.delivery('s@1')).complete(),
  failed: async (stage) => (await stage.delivery('s@1')).fail(),
  cancelled: async (stage) => {
    const delivery = await stage.delivery('s@1');
    await stage.cancel('s@1');
    await delivery.settle({ type: 'cancelled' });
  },
};

function moved(version: number): StoredSchedule {
  const lastRun = { id: 's@1', at: 60_000, dueAt: 60_000 };
  return { ...newSchedule('s'), version, cursorAt: 60_000, lastRun };
}

async function save(stage: Stage, schedule: StoredSchedule): Promise<void> {
  assert.equal(await stage.backend.saveSchedule(schedule, null), true);
}

async function acceptDue(stage: Stage, run: NewRun, schedule: StoredSchedule): Promise<Accepted | undefined> {
  return stage.backend.acceptDue(run, schedule, schedule.version - 1);
}

async function kept(stage: Stage): Promise<readonly StoredSchedule[]> {
  const all = await stage.backend.schedules();
  return [...all].sort((a, b) => (a.id < b.id ? -1 : 1));
}
