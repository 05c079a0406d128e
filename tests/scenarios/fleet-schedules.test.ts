import { beforeEach, expect, it } from '@jest/globals';
import { ownRedis } from '../servers/own-server.js';
import { temporaryFolders } from '../temporary-folder.js';
import { allRuns, Fleet, kill, within } from './fleet.js';
import { programs, type ServerProgram } from './program.js';

const makeFolder = temporaryFolders();
const start = programs();
const server = ownRedis();
let fleet: Fleet;

beforeEach(async () => {
  fleet = await Fleet.at(start, { cwd: await makeFolder(), url: await server.empty() });
}, 60_000);

async function schedule({ url }: ServerProgram, method: string, path: string, body?: object): Promise<unknown> {
  const answer = await fetch(`${url}/schedules/beat${path}`, {
    method,
    ...(body !== undefined && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}

server.describe('a schedule in a fleet', () => {
  it('starts one run for each due time, however many processes there are and whichever of them is killed', async () => {
    const others = (): Promise<ServerProgram> => (Math.random() < 0.4 ? fleet.api() : fleet.worker());
    const front = await fleet.api();
    const processes = await Promise.all([others(), others(), others(), fleet.worker()]);
    await schedule(front, 'PUT', '', { task: 'tick', everyMs: 1_000, overlap: 'queue', catchUp: 'all' });
    const begunAt = Date.now();
    while (Date.now() - begunAt < 15_000) {
      const at = Math.floor(Math.random() * processes.length);
      const [victim] = processes.splice(at, 1);
      if (victim !== undefined) await kill(victim);
      processes.push(await others());
    }
    if (!processes.some(({ stdout }) => stdout.includes('Errand works'))) processes.push(await fleet.worker());
    await schedule(front, 'POST', '/pause');
    const pausedAt = Date.now();
    await within(40_000, async () => (await allRuns(front)).every(({ status }) => status === 'completed'));

    const runs = await allRuns(front);
    const due = runs.map(({ id }) => id.replace('beat@', '')).sort();
    const times = due.map((text) => Date.parse(text.replace(/^(....)(..)(..)T(..)(..)(.*)$/, '$1-$2-$3T$4:$5:$6')));
    expect(times.length).toBeGreaterThanOrEqual(Math.floor((pausedAt - begunAt) / 1_000) - 1);
    expect(times).toEqual(times.map((_, n) => (times[0] ?? NaN) + 1_000 * n));
  }, 120_000);
});
