import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChaosReport, Ledger } from './ledger.js';

/** What all processes of a trial share. */
export interface ChaosLives {
  readonly worker: string;
  /** The file, or the URL of the server, that runs are in. */
  readonly store: string;
  readonly folder: string;
  readonly seed: number;
  readonly sabotage?: string;
}

/** One process. */
export interface ChaosLife {
  readonly life: number;
  /** Starts runs and works on them; only starts them; or ends what is left. */
  readonly mode: 'work' | 'start' | 'drain';
  /** After it is ready; before it is, where that is negative. */
  readonly killAfterMs: number;
}

/** One number of 0 to 1, the same for the same seed. */
export function diceOf(seed: number, life: number): number {
  return Math.abs(Math.sin(seed * 1_000 + life * 7.31) * 10_000) % 1;
}

/** Starts a process, and kills it in time. Resolves when it is gone. @throws {Error} when it ends by itself, and badly. */
export async function live(lives: ChaosLives, { life, mode, killAfterMs }: ChaosLife): Promise<void> {
  const { worker, store, folder, seed, sabotage } = lives;
  const args = [worker, store, ledgerIn(folder), String(life), String(seed + life), mode];
  const child = spawn(process.execPath, [...args, ...(sabotage === undefined ? [] : [sabotage])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const killAtExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const early = killAfterMs < 0 ? sleep(60).then(() => child.kill('SIGKILL')) : undefined;
  await killWhenReady(child, killAfterMs);
  await early;
  const [code] = await exited;
  process.off('exit', killAtExit);
  if (code !== null && code !== 0) throw new Error(`process ${life} ended with code ${code}`);
}

async function killWhenReady(child: ChildProcess, killAfterMs: number): Promise<void> {
  if (child.stdout === null) throw new Error('a child without output');
  for await (const line of createInterface({ input: child.stdout }))
    if (line === 'ready' && killAfterMs >= 0 && killAfterMs < Infinity)
      void sleep(killAfterMs).then(() => child.kill('SIGKILL'));
}

/** What the processes have told. */
export async function readLedger(folder: string): Promise<ChaosReport> {
  const ledger = new Ledger();
  for (const line of (await readFile(ledgerIn(folder), 'utf8')).split('\n')) ledger.note(line);
  return ledger.report();
}

function ledgerIn(folder: string): string {
  return join(folder, 'ledger');
}
