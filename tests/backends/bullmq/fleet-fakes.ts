import type { FleetBook } from '../../../src/backends/bullmq/book/book.js';
import { FleetRun, type RunOrigin, type RunState } from '../../../src/backends/bullmq/runs/fleet-run.js';
import type { FleetMessage, FleetServer } from '../../../src/backends/bullmq/server/fleet-server.js';

/** What the fakes of one fleet share: every message comes in the next turn, unless it is lost. */
export class FakeWire {
  readonly sent: FleetMessage[] = [];
  losing = false;
  readonly #listeners: ((message: FleetMessage) => void)[] = [];
  readonly #backListeners: (() => void)[] = [];

  server(processId: string): FleetServer {
    return {
      name: 'redis',
      marksJobs: true,
      processId,
      book: {} as FleetBook,
      open: () => Promise.resolve(),
      queue: () => {
        throw new Error('there are no queues here');
      },
      forget: () => undefined,
      call: (_what, call) => call(),
      publish: (message) => this.#publish(message),
      onMessage: (listener) => void this.#listeners.push(listener),
      onBack: (listener) => void this.#backListeners.push(listener),
      close: () => Promise.resolve(),
    };
  }

  /** The connections of all are back after they were lost. */
  back(): void {
    for (const listener of this.#backListeners) listener();
  }

  #publish(message: FleetMessage): void {
    this.sent.push(message);
    if (this.losing) return;
    const text = JSON.stringify(message);
    setImmediate(() => {
      for (const listener of this.#listeners) listener(JSON.parse(text) as FleetMessage);
    });
  }
}

/** A run as it was accepted. */
export function fleetRun(id: string, state: Partial<RunState> = {}, jobId = `job-${id}`): FleetRun {
  const origin: RunOrigin = {
    id,
    jobId,
    lane: 'default|run|import-products|',
    kind: 'run',
    task: 'import-products',
    queue: 'default',
    inputText: null,
    priority: 0,
    maxAttempts: 1,
    onCrash: 'retry',
    maxCrashes: 3,
    tags: [],
    owner: null,
    idempotencyKey: null,
    redriveOf: null,
    parent: null,
    hardLimitMs: null,
    checkpointText: null,
    ordinal: 1,
    versionBase: 0,
    createdAt: 1,
    dueAt: null,
    expiresAt: null,
  };
  return new FleetRun(origin, { ...ACCEPTED, ...state }, () => undefined);
}

const ACCEPTED: RunState = {
  version: 1,
  status: 'queued',
  attempt: 0,
  delays: 0,
  progress: null,
  dueAt: null,
  startedAt: null,
  updatedAt: 1,
  finishedAt: null,
  cancel: null,
  abandoned: false,
  result: undefined,
  error: null,
  cause: undefined,
  failures: [],
  redrivenBy: null,
  checkpoint: null,
  active: true,
};
