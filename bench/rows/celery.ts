import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runChild } from '../child.js';
import { type FleetPlace, fleetRow } from '../fleet-row.js';
import type { Row } from '../row.js';
import { REDIS } from '../servers.js';

const run = promisify(execFile);
/** Debian's own, which has Debian's packages, whatever else is on the PATH. */
const PYTHON = '/usr/bin/python3';
const PEER = fileURLToPath(new URL('../../../bench/children/celery_peer.py', import.meta.url));
const SLOTS = 16;

/** @returns how to get it, where it is not there. */
async function missing(): Promise<string | undefined> {
  try {
    await run(PYTHON, ['-c', 'import celery, redis']);
    return undefined;
  } catch {
    return 'Celery is not installed (apt-get install python3-celery python3-redis)';
  }
}

async function celery({ url, prefix }: FleetPlace, how: 'add' | 'run', count: number): Promise<number> {
  const env = { ...process.env, CELERY_PEER_URL: url, CELERY_PEER_PREFIX: `${prefix}:`, C_FORCE_ROOT: '1' };
  const { stdout } = await run(PYTHON, [PEER, how, String(count), String(SLOTS)], { env });
  return (JSON.parse(stdout) as { perSecond: number }).perSecond;
}

/** Fresh processes, ours and Celery's in turn, on the same Redis; both keep results. */
function celeryRow(
  row: Pick<Row, 'name' | 'title'>,
  how: 'add' | 'run',
  ours: (place: FleetPlace, thousands: number) => Promise<{ readonly perSecond: number }>,
): Row {
  return fleetRow(REDIS, { ...row, unit: 'runs/s', pairs: 3, missing }, async (place, side, { quick }) => {
    const thousands = quick ? 2 : 10;
    return side === 'peer' ? celery(place, how, thousands * 1_000) : (await ours(place, thousands)).perSecond;
  });
}

/**
 * One process of ours, and one that sends with Celery's `delay`, which waits for each; or a worker of Celery's with its
 * default pool: 16 processes, where ours has 16 handlers in one.
 */
export const celeryRows: readonly Row[] = [
  celeryRow({ name: 'celery-add', title: 'starts on Redis vs Celery' }, 'add', ({ url, prefix }, thousands) =>
    runChild('fleet-adds', 'ours', url, prefix, 'single', thousands),
  ),
  celeryRow(
    { name: 'celery-run', title: 'runs on Redis vs Celery, 16 at a time' },
    'run',
    ({ url, prefix }, thousands) => runChild('fleet-runs', 'ours', url, prefix, SLOTS, thousands),
  ),
];
