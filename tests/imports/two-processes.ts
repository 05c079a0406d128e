import { memoryBackend } from '../../src/backends/memory/memory-backend.js';
import type { BackendEnvironment, BackendObserver, Moment, StoredRun, Watcher } from '../../src/ports/backend.js';
import { ForwardingBackend } from '../../src/testing/forwarding-backend.js';

/**
 * Runs in a place that several processes share, as far as imports notice: each has a backend of its own, all of them
 * the same runs. One of them does the work. What each is told of ends is what it asked to watch, or has ended itself.
 */
export class SharedPlace {
  readonly storeId: string;
  readonly #real = memoryBackend();
  readonly #doors = new Set<Door>();
  readonly observers: BackendObserver[] = [];

  constructor(storeId: string) {
    this.storeId = storeId;
  }

  /** What a process uses. */
  door(): Door {
    const door = new Door(this.#real, this);
    this.#doors.add(door);
    return door;
  }

  /** @returns whether it was the last one. */
  left(door: Door): boolean {
    this.#doors.delete(door);
    return this.#doors.size === 0;
  }
}

class Door extends ForwardingBackend {
  readonly #place: SharedPlace;
  readonly #watchers: (() => void)[] = [];

  constructor(real: ReturnType<typeof memoryBackend>, place: SharedPlace) {
    super(real);
    this.#place = place;
  }

  override get durable(): boolean {
    return true;
  }

  override get shared(): boolean {
    return true;
  }

  override get storeId(): string {
    return this.#place.storeId;
  }

  override open(environment: BackendEnvironment): void {
    const { observers } = this.#place;
    observers.push(environment.observer);
    if (observers.length > 1) return;
    const observer: BackendObserver = {
      // The process that works is the last one that has come: it is where runs end.
      settled: (run) => observers.at(-1)?.settled(run),
      forgotten: (run) => observers.at(-1)?.forgotten(run),
      cancelledLate: (run) => observers.at(-1)?.cancelledLate(run),
    };
    void this.real.open({ ...environment, observer });
  }

  override retire(): number {
    return 0;
  }

  override watch(run: StoredRun, moment: Moment, callback: Watcher): void {
    this.real.watch(run, moment, callback);
    this.#watchers.push(() => callback(run.snapshot()));
  }

  override close(): void {
    for (const tell of this.#watchers) tell();
    if (this.#place.left(this)) void this.real.close();
  }
}
