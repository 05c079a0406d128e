import { describe, expect, it } from '@jest/globals';
import type { TaskManager } from '../../../src/manager/task-manager.js';
import type { RunBranch } from '../../../src/manager/run-tree.js';
import { isFinal } from '../../../src/task/status.js';
import { defineTask } from '../../../src/task/task.js';
import type { TaskContext } from '../../../src/task/task-context.js';
import { newManager } from '../workbench.js';

/** Draws that are the same in every run of the test. */
function draws(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

/** What one run of a drawn tree is to do. */
interface Plan {
  readonly name: string;
  readonly ends: 'returns' | 'throws' | 'waits';
  readonly policy: 'fail-fast' | 'collect';
  readonly children: readonly {
    readonly plan: Plan;
    readonly how: 'result' | 'settled' | 'looks away';
    readonly key: boolean;
  }[];
}

function drawPlan(draw: (below: number) => number, depth: number, name = 'r'): Plan {
  const many = depth === 0 ? 0 : draw(4);
  return {
    name,
    ends: draw(5) === 0 ? 'throws' : draw(4) === 0 ? 'waits' : 'returns',
    policy: draw(2) === 0 ? 'fail-fast' : 'collect',
    children: Array.from({ length: many }, (_, at) => ({
      plan: drawPlan(draw, depth - 1, `${name}${at}`),
      how: (['result', 'settled', 'looks away'] as const)[draw(3)] ?? 'result',
      key: draw(2) === 0,
    })),
  };
}

describe('a tree of runs', () => {
  it('ends from its leaves to its root, and keeps its limits, whatever its runs do and whoever is cancelled', async () => {
    for (let seed = 1; seed <= 60; seed += 1) await check(seed);
  });
});

async function check(seed: number): Promise<void> {
  const draw = draws(seed);
  const concurrency = 1 + draw(3);
  const { manager, clock } = newManager({ concurrency, graceMs: 50 });
  const runs = new Map<string, Plan>();
  const wrong: string[] = [];
  const tasks = (['fail-fast', 'collect'] as const).map((children) =>
    defineTask({
      name: children,
      children,
      limits: draw(2) === 0 ? { concurrency: 1 + draw(2) } : {},
      retry: { maxAttempts: 1 + draw(2), initialDelayMs: 5 },
      handler: (plan: Plan, ctx) => act(plan, ctx),
    }),
  );
  async function act(plan: Plan, ctx: TaskContext): Promise<string> {
    runs.set(ctx.runId, plan);
    if ((await manager.counts()).atWork > concurrency) wrong.push('too many at work');
    const waits = plan.children.map(async ({ plan: child, how, key }) => {
      const task = tasks[child.policy === 'collect' ? 1 : 0];
      if (task === undefined) throw new Error('no task');
      const handle = await ctx.start(task, child, key ? { key: child.name } : {});
      if (how !== 'looks away') await handle[how]();
    });
    if (plan.ends === 'waits') await new Promise((resolve) => clock.after(20, () => resolve(1)));
    await Promise.all(waits);
    if (plan.ends === 'throws') throw new Error(plan.name);
    return plan.name;
  }
  const stop = watch(manager, wrong);
  const plan = drawPlan(draw, 4);
  const [task] = tasks;
  if (task === undefined) throw new Error('no task');
  const root = await manager.start(task, plan);
  for (let step = 0; step < 40; step += 1) {
    await clock.run(draw(10));
    const some = [...runs.keys()];
    if (draw(12) === 0) await manager.cancel(some[draw(some.length)] ?? root.id, 'drawn');
  }
  await clock.run(2_000);
  expect((await root.settled()).status).toMatch(/completed|failed|cancelled/);
  await stop();
  const tree = await manager.tree(root.id);
  if (tree !== undefined) look(tree, runs, wrong);
  expect({ seed, wrong, atWork: (await manager.counts()).atWork }).toEqual({ seed, wrong: [], atWork: 0 });
}

/** Whenever a run has ended, all runs below it have. */
function watch(manager: TaskManager, wrong: string[]): () => Promise<void> {
  const over = new AbortController();
  const reading = (async () => {
    for await (const event of manager.events({ signal: over.signal })) {
      if (!/completed|failed|cancelled/.test(event.type) || !('runId' in event)) continue;
      const tree = await manager.tree(event.runId);
      if (tree?.children.some(({ run }) => !isFinal(run.status))) wrong.push(`${event.type} before its children`);
    }
  })();
  return () => {
    over.abort();
    return reading;
  };
}

/** A parent that has completed has dealt with every child that has not; one that has one it has not dealt with, has not. */
function look({ run, children }: RunBranch, runs: ReadonlyMap<string, Plan>, wrong: string[]): void {
  const plan = runs.get(run.id);
  for (const child of children) {
    if (!isFinal(child.run.status)) wrong.push(`${child.run.id} goes on`);
    const name = runs.get(child.run.id)?.name;
    const how = plan?.children.find((each) => each.plan.name === name)?.how;
    const ofLastAttempt = run.attempt === 1;
    if (run.status === 'completed' && child.run.status === 'failed' && how !== 'settled' && ofLastAttempt)
      wrong.push(`${run.id} completed although ${child.run.id} failed (${String(how)})`);
    look(child, runs, wrong);
  }
}
