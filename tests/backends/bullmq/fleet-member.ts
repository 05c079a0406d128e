import assert from 'node:assert/strict';
import type { BullmqBackend } from '../../../src/backends/bullmq/bullmq-backend.js';
import type { BackendEnvironment, StoredRun, WorkOptions } from '../../../src/ports/backend.js';
import type { NewRun } from '../../../src/ports/new-run.js';
import type { RunEvent } from '../../../src/task/run-event.js';
import { Delivery } from '../../../src/testing/contract/delivery.js';
import { newRun } from '../../../src/testing/contract/samples.js';
import type { TcpProxy } from '../../servers/tcp-proxy.js';
import { until } from '../../until.js';

/** One process of a fleet, as far as a backend goes, and everything that it was told. */
export class Member {
  readonly backend: BullmqBackend;
  readonly proxy: TcpProxy;
  readonly deliveries: Delivery[] = [];
  readonly events: RunEvent[] = [];
  readonly settled: StoredRun[] = [];
  readonly forgotten: StoredRun[] = [];
  readonly cancelledLate: StoredRun[] = [];
  atWork = 0;
  mostAtWork = 0;

  constructor(backend: BullmqBackend, proxy: TcpProxy) {
    this.backend = backend;
    this.proxy = proxy;
  }

  async open(environment: Omit<BackendEnvironment, 'observer'>): Promise<void> {
    await this.backend.open({
      ...environment,
      observer: {
        settled: (run) => void this.settled.push(run),
        forgotten: (run) => void this.forgotten.push(run),
        cancelledLate: (run) => void this.cancelledLate.push(run),
      },
    });
    this.backend.subscribe(null, (event) => this.events.push(event));
  }

  /** Takes runs, never more than `slots` at once: the test says when each ends. @param limitsOf fleet-wide. */
  work(slots = 1_000, limitsOf: NonNullable<WorkOptions['limitsOf']> = () => undefined): void {
    const worker = this.backend.work({
      limitsOf,
      freeSlots: () => slots - this.atWork,
      take: (run, lease) => {
        const delivery = new Delivery(run, lease, this.backend);
        this.deliveries.push(delivery);
        this.atWork += 1;
        this.mostAtWork = Math.max(this.mostAtWork, this.atWork);
        return delivery;
      },
    });
    this.wake = () => worker.wake();
  }

  wake: () => void = () => undefined;

  /** Completes a run, and frees its slot in the same turn. */
  complete(delivery: Delivery, value?: unknown): Promise<boolean> {
    const answer = delivery.complete(value);
    this.atWork -= 1;
    this.wake();
    return answer;
  }

  async delivery(id: string): Promise<Delivery> {
    const found = () => this.deliveries.find(({ run }) => run.id === id);
    await until(() => found() !== undefined, `the delivery of ${id}`);
    const delivery = found();
    assert(delivery);
    return delivery;
  }

  accept(id: string, run: Partial<NewRun> = {}): ReturnType<BullmqBackend['accept']> {
    return this.backend.accept({ ...newRun(id), ...run }, 'error');
  }

  async status(id: string): Promise<string | undefined> {
    return (await this.backend.find(id))?.status;
  }
}
