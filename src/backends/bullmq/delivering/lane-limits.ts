import type { TaskLimits } from '../../../task/task.js';
import { AT_WORK_MOST } from '../book/lent-book.js';
import type { FleetServer } from '../server/fleet-server.js';

/** What of a task's limits holds for all processes together. */
export type SharedLimits = Pick<TaskLimits, 'concurrency' | 'rate'>;

/** BullMQ's names for them, among what it keeps of a queue. */
const RATE = ['max', 'duration'] as const;
const FIELDS = ['concurrency', ...RATE] as const;
type Fields = Readonly<Partial<Record<(typeof FIELDS)[number], string>>>;

/** More than this cannot be counted on PostgreSQL, and is no limit anywhere. */
const NO_LIMIT = 2 ** 31;

/**
 * The limits of one lane, as the server keeps them: it gives no process a job beyond them. What a process says of a task
 * counts until another one says otherwise.
 */
export class LaneLimits {
  readonly #server: FleetServer;
  readonly #lane: string;
  /** What this process has said last. */
  #said: string | undefined;
  #saying: Promise<void> | undefined;
  #fields: Fields = {};

  constructor(server: FleetServer, lane: string) {
    this.#server = server;
    this.#lane = lane;
  }

  /** Whether a run that ends in one process makes room for one in another. */
  get boundsSlots(): boolean {
    return this.#fields.concurrency !== undefined;
  }

  get areSome(): boolean {
    return this.boundsSlots || this.#fields.max !== undefined;
  }

  /**
   * Says what the limits are, before jobs are taken.
   *
   * @returns undefined where this process has said so already. @throws {TaskError} BACKEND
   */
  keep(limits: SharedLimits): Promise<void> | undefined {
    const fields = fieldsOf(limits);
    const text = JSON.stringify(fields);
    if (text === this.#said) return this.#saying;
    this.#said = text;
    this.#fields = fields;
    this.#saying = this.#write(fields).then(
      () => (this.#saying = undefined),
      (error: unknown) => {
        this.#said = this.#saying = undefined;
        throw error;
      },
    );
    return this.#saying;
  }

  async #write(fields: Fields): Promise<void> {
    const { jobs } = this.#server.queue(this.#lane);
    const [most, active, ...rate] = await this.#server.call('read the limits of a task', () =>
      jobs.getQueueMetaFields([AT_WORK_MOST, ...FIELDS]),
    );
    const { concurrency } = fields;
    // An earlier Errand has written one of both only.
    const others = (concurrency ?? null) !== most || (concurrency === undefined) !== (active === null);
    if (others) await this.#server.book.limitLane(this.#lane, concurrency === undefined ? null : Number(concurrency));
    const otherRate = await this.#writeRate(fields, rate);
    // There may be room now for those who have found none.
    if (others || otherRate) this.#server.publish({ type: 'lane', lane: this.#lane });
  }

  /** @returns whether it was another one. */
  async #writeRate({ max, duration }: Fields, kept: readonly unknown[]): Promise<boolean> {
    if ((max ?? null) === kept[0] && (duration ?? null) === kept[1]) return false;
    const { jobs } = this.#server.queue(this.#lane);
    await this.#server.call('change the limits of a task', () =>
      max !== undefined && duration !== undefined
        ? jobs.setQueueMeta({ max, duration })
        : jobs.removeQueueMetaFields([...RATE]),
    );
    return true;
  }
}

function fieldsOf({ concurrency = NO_LIMIT, rate }: SharedLimits): Fields {
  return {
    ...(concurrency < NO_LIMIT && { concurrency: String(concurrency) }),
    ...(rate && { max: String(rate.count), duration: String(Math.ceil(rate.perMs)) }),
  };
}
