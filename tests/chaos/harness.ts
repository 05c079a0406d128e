import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChildServer } from '../servers/child-server.js';
import type { ChaosReport } from './ledger.js';
import { type ChaosLife, diceOf, live, readLedger } from './life.js';
import { ServerKills } from './server-kills.js';

/** The ways in which workers, and the server that they share, can be made to fail. */
export const SABOTAGES = ['ack-early', 'no-checkpoints', 'forgetful-server'] as const;
export type Sabotage = (typeof SABOTAGES)[number];

/** What {@link chaos} takes. */
export interface ChaosOptions {
  /** The worker, built. */
  readonly worker: string;
  /** How many processes are killed. */
  readonly trials: number;
  /** Decides the work, and when each process is killed. */
  readonly seed: number;
  /**
   * What is wrong, for a check that cannot fail proves nothing: the workers say `accepted` before it is true, or keep
   * nothing of how far an import has come; or the server, which whoever starts it sees to, keeps nothing when it is killed.
   */
  readonly sabotage?: Sabotage;
}

/** Kills one process after the other, each of which works on what the one before has left; then lets a last one end. */
export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const { trials, seed } = options;
  return inFolder(async (folder) => {
    const lives = { ...options, folder, store: join(folder, 'errand.db') };
    for (let life = 0; life < trials; life += 1)
      await live(lives, { life, mode: 'work', killAfterMs: delayOf(seed, life) });
    await live(lives, { life: trials, mode: 'drain', killAfterMs: Infinity });
    return readLedger(folder);
  });
}

/** What {@link fleetChaos} takes. */
export interface FleetChaosOptions extends ChaosOptions {
  /** The server that all processes share, with nothing on it. */
  readonly url: string;
  /** The same server, where it is killed, too. */
  readonly killed?: ChildServer | undefined;
}

/** What was found, and how often the server was killed. */
export interface FleetChaosReport extends ChaosReport {
  readonly serverKills: number;
}

/** How many processes of a fleet there are at once. */
const AT_ONCE = 4;

/**
 * Kills processes of a fleet, several of which are there at any time: some only start runs, the others work on those of
 * all. Then lets a last one end.
 */
export async function fleetChaos({ url, killed, ...options }: FleetChaosOptions): Promise<FleetChaosReport> {
  const { trials, seed } = options;
  return inFolder(async (folder) => {
    const lives = { ...options, folder, store: url };
    const kills = killed && new ServerKills(killed, seed);
    let next = 0;
    const oneAfterTheOther = async (): Promise<void> => {
      for (let life = next++; life < trials; life = next++) {
        const mode: ChaosLife['mode'] = life % AT_ONCE === 1 ? 'start' : 'work';
        await live(lives, { life, mode, killAfterMs: diceOf(seed, life) * 1_500 - 20 });
      }
    };
    try {
      const lived = Promise.all(Array.from({ length: AT_ONCE }, oneAfterTheOther));
      lived.catch(() => undefined); // where the server was the first to fail, that is what is told
      await Promise.race([lived, ...(kills ? [kills.failed] : [])]);
    } finally {
      await kills?.stop();
    }
    await live(lives, { life: trials, mode: 'drain', killAfterMs: Infinity });
    return { ...(await readLedger(folder)), serverKills: kills?.count ?? 0 };
  });
}

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-chaos-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Most are killed at work, some while they still take up what is left: 0 to 150 ms after they are ready, or before. */
function delayOf(seed: number, life: number): number {
  return diceOf(seed, life) * 160 - 10;
}
