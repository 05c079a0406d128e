import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** What {@link chaos} takes. */
export interface ChaosOptions {
  /** The worker, built. */
  readonly worker: string;
  /** How many processes are killed. */
  readonly trials: number;
  /** Decides the work, and when each process is killed. */
  readonly seed: number;
  /** Makes the workers say `accepted` before it is true: a check that cannot fail proves nothing. */
  readonly sabotage?: 'ack-early';
}

/** What was found when all processes had been killed and the last one had done all that was left. */
export interface ChaosReport {
  readonly accepted: number;
  /** Runs that had begun in a process that was killed, and ended in a later one. */
  readonly recovered: number;
  /** Accepted runs that are not there, or have not ended. */
  readonly lost: readonly string[];
  /** Runs that began again after their end was told, and keys with two runs. */
  readonly duplicated: readonly string[];
  /** Runs that ended otherwise than they should have. */
  readonly unexpected: readonly string[];
}

/** Everything that the processes told, whichever of them. */
class Ledger {
  readonly #accepted = new Map<string, string>();
  readonly #begun = new Map<string, Set<number>>();
  readonly #ended = new Map<string, string>();
  readonly #keys = new Map<string, string>();
  readonly #cancelled = new Set<string>();
  readonly #final = new Map<string, string>();
  readonly duplicated: string[] = [];

  note(life: number, line: string): void {
    const [what, id = '', detail = ''] = line.split(' ');
    if (what === 'accepted') this.#accepted.set(id, detail);
    else if (what === 'began') this.#begin(life, id);
    else if (what === 'ended') this.#end(id, detail);
    else if (what === 'keyed') this.#key(id, detail);
    else if (what === 'cancelled') this.#cancelled.add(id);
    else if (what === 'final') this.#final.set(id, detail);
  }

  #begin(life: number, id: string): void {
    if (this.#ended.has(id)) this.duplicated.push(`${id} began again after it had ${String(this.#ended.get(id))}`);
    const lives = this.#begun.get(id) ?? new Set();
    this.#begun.set(id, lives.add(life));
  }

  #end(id: string, status: string): void {
    const before = this.#ended.get(id);
    if (before !== undefined && before !== status) this.duplicated.push(`${id} ended as ${before} and as ${status}`);
    this.#ended.set(id, status);
  }

  #key(key: string, id: string): void {
    const known = this.#keys.get(key);
    if (known !== undefined && known !== id) this.duplicated.push(`key ${key} has the runs ${known} and ${id}`);
    this.#keys.set(key, id);
  }

  report(): ChaosReport {
    const accepted = [...this.#accepted.keys()];
    const wrong = accepted.filter((id) => this.#final.has(id) && this.#final.get(id) !== this.#accepted.get(id));
    const toldOtherwise = [...this.#ended].filter(([id, status]) => (this.#final.get(id) ?? status) !== status);
    const notCancelled = [...this.#cancelled].filter((id) => this.#final.get(id) !== 'cancelled');
    return {
      accepted: accepted.length,
      recovered: [...this.#begun.values()].filter((lives) => lives.size > 1).length,
      lost: accepted.filter((id) => !this.#final.has(id)),
      duplicated: this.duplicated,
      unexpected: [...wrong, ...toldOtherwise.map(([id]) => id), ...notCancelled].map(
        (id) => `${id} is ${String(this.#final.get(id))}`,
      ),
    };
  }
}

/** Kills one process after the other, each of which works on what the one before has left; then lets a last one end. */
export async function chaos({ worker, trials, seed, sabotage }: ChaosOptions): Promise<ChaosReport> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-chaos-'));
  const ledger = new Ledger();
  try {
    for (let life = 0; life <= trials; life += 1) {
      const mode = life < trials ? 'work' : 'drain';
      const args = [worker, join(folder, 'errand.db'), String(life), String(seed + life), mode];
      const child = spawn(process.execPath, [...args, ...(sabotage === undefined ? [] : [sabotage])], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await liveAndDie(child, { ledger, life, killAfterMs: mode === 'drain' ? Infinity : delayOf(seed, life) });
    }
    return ledger.report();
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Most are killed at work, some while they still take up what is left: 0 to 150 ms after they are ready, or before. */
function delayOf(seed: number, life: number): number {
  const dice = Math.abs(Math.sin(seed * 1_000 + life * 7.31) * 10_000) % 1;
  return dice * 160 - 10;
}

async function liveAndDie(
  child: ChildProcess,
  { ledger, life, killAfterMs }: { ledger: Ledger; life: number; killAfterMs: number },
): Promise<void> {
  if (child.stdout === null) throw new Error('a child without output');
  const exited = once(child, 'exit');
  const early = killAfterMs < 0 ? sleep(60).then(() => child.kill('SIGKILL')) : undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'ready' && killAfterMs >= 0 && killAfterMs < Infinity)
      void sleep(killAfterMs).then(() => child.kill('SIGKILL'));
    ledger.note(life, line);
  }
  await early;
  const [code] = (await exited) as [number | null];
  if (code !== null && code !== 0) throw new Error(`process ${life} ended with code ${code}`);
}
