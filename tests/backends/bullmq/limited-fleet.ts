import { setTimeout as sleep } from 'node:timers/promises';
import { backendOn } from './fleet-subject.js';
import { type FleetGround, newPrefix } from './fleet-ground.js';
import { TaskManager } from '../../../src/manager/task-manager.js';
import type { TaskContext } from '../../../src/task/task-context.js';
import { defineTask, type TaskLimits } from '../../../src/task/task.js';
import { TcpProxy } from '../../servers/tcp-proxy.js';

/** What a run of the limited task does. */
export interface Work {
  readonly name: string;
  /** How long it is at work, whatever its signal says; until `release` unless given. */
  readonly ms?: number;
  /** Its first attempt fails. */
  readonly failsFirst?: boolean;
}

/** One process of the fleet. */
export interface LimitedProcess {
  readonly manager: TaskManager;
  readonly proxy: TcpProxy;
  /** What has begun in it, in that order. */
  readonly began: string[];
  /** The process dies, as far as the others can see: its handlers count no more. */
  kill(): void;
}

/** What a process of the fleet is opened with. */
export interface LimitedOptions {
  readonly limits?: TaskLimits;
  /** The manager's. */
  readonly concurrency?: number;
  readonly lockMs?: number;
  /** Of each run; one unless given. */
  readonly maxAttempts?: number;
}

const RETRY = { initialDelayMs: 200, factor: 1, maxDelayMs: 200, jitter: 'none' } as const;

/** Processes that share the runs of the task `limited`, and everything that can be counted in all of them together. */
export class LimitedFleet {
  readonly #ground: FleetGround;
  readonly #prefix = newPrefix();
  readonly #processes: LimitedProcess[] = [];
  readonly #held = new Map<string, () => void>();
  atWork = 0;
  mostAtWork = 0;
  /** How many handlers have settled. */
  settled = 0;
  /** When attempts have begun, by a clock that only goes forward. */
  readonly starts: number[] = [];

  constructor(ground: FleetGround) {
    this.#ground = ground;
  }

  /** One more process, which takes runs. */
  async join({
    limits = {},
    concurrency = 16,
    lockMs = 10_000,
    maxAttempts = 1,
  }: LimitedOptions): Promise<LimitedProcess> {
    const { url } = this.#ground;
    const proxy = await TcpProxy.to(url);
    const began: string[] = [];
    let dead = false;
    const handler = async (work: Work, ctx: TaskContext): Promise<void> => {
      began.push(work.name);
      this.#begin();
      await this.#work(work);
      this.settled += 1;
      if (!dead) this.atWork -= 1;
      if (work.failsFirst && ctx.attempt === 1) throw new Error('as it was told');
    };
    const tasks = [
      defineTask({ name: 'limited', limits, retry: { ...RETRY, maxAttempts }, handler }),
      defineTask({ name: 'other', handler: () => undefined }),
    ];
    const backend = backendOn({ connection: proxy.urlOf(url), prefix: this.#prefix, lockMs });
    const manager = new TaskManager({ tasks, backend, concurrency, graceMs: 60_000 });
    const kill = (): void => {
      proxy.drop();
      this.atWork -= began.length;
      dead = true;
    };
    const process = { manager, proxy, began, kill };
    this.#processes.push(process);
    await manager.open();
    return process;
  }

  /** Starts runs in a process, and waits until they are accepted. */
  start({ manager }: LimitedProcess, works: readonly Work[]) {
    return Promise.all(works.map((work) => manager.startNamed('limited', work, { id: work.name })));
  }

  /** The handler of a run settles. */
  release(name: string): void {
    this.#held.get(name)?.();
    this.#held.delete(name);
  }

  async close(): Promise<void> {
    for (const name of [...this.#held.keys()]) this.release(name);
    for (const { proxy, manager } of this.#processes) {
      proxy.restore();
      await manager.close({ graceMs: 0 }).catch(() => undefined); // one that was killed may be cut off still
      await proxy.close();
    }
    await this.#ground.remove(this.#prefix);
  }

  #begin(): void {
    this.starts.push(performance.now());
    this.atWork += 1;
    this.mostAtWork = Math.max(this.mostAtWork, this.atWork);
  }

  #work({ name, ms }: Work): Promise<void> {
    return ms === undefined ? new Promise<void>((done) => this.#held.set(name, done)) : sleep(ms);
  }
}
