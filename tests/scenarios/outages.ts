import { expect } from '@jest/globals';
import type { RunResource } from '../../src/http-api/run-resource.js';
import type { Fleet } from './fleet.js';
import type { ServerProgram } from './program.js';
import { look } from './runs.js';

/** What the workers know of runs that take so many steps of 50 ms. */
export const report = (steps: number) => ({ task: 'report', input: { steps } });

/** Starts a run while the server of the runs is away, and expects to be told so in time. */
export async function expectRefusal(api: ServerProgram): Promise<void> {
  const begunAt = performance.now();
  const answer = await fetch(`${api.url}/process`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(report(1)),
  });
  const { code } = (await answer.json()) as { code?: unknown };
  expect({ status: answer.status, code }).toEqual({ status: 503, code: 'BACKEND' });
  expect(performance.now() - begunAt).toBeLessThan(2_500);
}

export async function isEnded(api: ServerProgram, runs: readonly RunResource[]): Promise<boolean> {
  const now = await Promise.all(runs.map((run) => look(api, run)));
  return now.every(({ finishedAt }) => finishedAt !== null);
}

/** Each of these runs was begun and ended once, and that counted. */
export async function expectOnce(fleet: Fleet, api: ServerProgram, runs: readonly RunResource[]): Promise<void> {
  const expected = runs.map(({ task }) => ({ status: 'completed', attempt: task === 'flaky' ? 2 : 1 }));
  expect(await Promise.all(runs.map((run) => look(api, run)))).toMatchObject(expected);
  for (const { id } of runs) {
    const what = (await fleet.told(id)).map((one) => one.what);
    expect(what.filter((one) => one === 'ended')).toHaveLength(1);
  }
}
