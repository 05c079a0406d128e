import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { removeKeys } from '../../tests/servers/redis-client.js';
import { runChild } from '../child.js';
import { type BenchRedis, benchRedis } from '../redis.js';
import type { Measuring, Row } from '../row.js';

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

async function celery(url: string, how: 'add' | 'run', count: number): Promise<number> {
  const prefix = `bench-celery-${process.pid}`;
  const env = { ...process.env, CELERY_PEER_URL: url, CELERY_PEER_PREFIX: `${prefix}:`, C_FORCE_ROOT: '1' };
  try {
    const { stdout } = await run(PYTHON, [PEER, how, String(count), String(SLOTS)], { env });
    return (JSON.parse(stdout) as { perSecond: number }).perSecond;
  } finally {
    await removeKeys(url, prefix);
  }
}

/** Fresh processes, ours and Celery's in turn, on the same Redis; both keep results. */
function celeryRow(
  row: Pick<Row, 'name' | 'title'>,
  how: 'add' | 'run',
  ours: (url: string, thousands: number) => Promise<{ readonly perSecond: number }>,
): Row {
  let redis: BenchRedis | undefined;
  return {
    ...row,
    ...{ unit: 'runs/s', pairs: 3, peer: true, missing },
    open: async () => void (redis = await benchRedis()),
    close: async () => redis?.close(),
    measure: async (side, { quick }: Measuring) => {
      const [url, thousands] = [redis?.url ?? '', quick ? 2 : 10];
      return side === 'peer' ? celery(url, how, thousands * 1_000) : (await ours(url, thousands)).perSecond;
    },
  };
}

/**
 * One process of ours, and one that sends with Celery's `delay`, which waits for each; or a worker of Celery's with its
 * default pool: 16 processes, where ours has 16 handlers in one.
 */
export const celeryRows: readonly Row[] = [
  celeryRow({ name: 'celery-add', title: 'starts on Redis vs Celery' }, 'add', (url, thousands) =>
    runChild('fleet-adds', 'ours', url, 'single', thousands),
  ),
  celeryRow({ name: 'celery-run', title: 'runs on Redis vs Celery, 16 at a time' }, 'run', (url, thousands) =>
    runChild('fleet-runs', 'ours', url, SLOTS, thousands),
  ),
];
