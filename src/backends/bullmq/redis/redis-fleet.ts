import type { StoredSchedule } from '../../../ports/schedules.js';
import { nodeCrypto } from '../../../timing/node-crypto.js';
import type { BookHead } from '../book/book.js';
import { readLaneName } from '../runs/lane-name.js';
import { listOf, RedisScript, type RedisServer, textOf } from './redis-script.js';
import { readSchedule, writeSchedule } from '../book/schedule-text.js';

const HEAD = new RedisScript(
  'look up lanes and paused queues',
  `
if ARGV[2] ~= '' then redis.call('SETNX', key('store'), ARGV[2]) end
return {redis.call('GET', key('store')), redis.call('SMEMBERS', key('lanes')), redis.call('SMEMBERS', key('paused'))}`,
);

const SAVE_SCHEDULE = new RedisScript(
  'keep a schedule',
  `
local _, id, text, expectedVersion = unpack(ARGV)
local kept = redis.call('HGET', key('schedules'), id)
if (kept and string.match(kept, '^(.-)\\n') or '') ~= expectedVersion then return 0 end
redis.call('HSET', key('schedules'), id, text)
return 1`,
);

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

const BEAT = new RedisScript(
  'say that this process is there',
  NOW,
  "redis.call('ZADD', key('processes'), at(now + ARGV[3]), ARGV[2])",
);

const DEAD = new RedisScript(
  'look for dead processes',
  NOW,
  "return redis.call('ZRANGEBYSCORE', key('processes'), '-inf', at(now))",
);

const BURY = new RedisScript(
  'forget a process',
  `
redis.call('ZREM', key('processes'), ARGV[2])
for i = 3, #ARGV do redis.call('SREM', key('lanes'), ARGV[i]) end`,
);

/** What the whole fleet shares: lanes, pauses, schedules, processes. */
export class RedisFleet {
  readonly #server: RedisServer;

  constructor(server: RedisServer) {
    this.#server = server;
  }

  async open(): Promise<BookHead> {
    return this.#head(nodeCrypto().randomUUID());
  }

  async head(): Promise<BookHead> {
    return this.#head('');
  }

  async addLane(lane: string): Promise<void> {
    await this.#do('keep a lane', (key) => this.#server.client.sadd(key('lanes'), lane));
  }

  async pauseQueue(queue: string, paused: boolean): Promise<void> {
    const { client } = this.#server;
    await this.#do('pause or resume a queue', (key) =>
      paused ? client.sadd(key('paused'), queue) : client.srem(key('paused'), queue),
    );
  }

  async schedules(): Promise<readonly StoredSchedule[]> {
    const texts = await this.#do('read schedules', (key) => this.#server.client.hvals(key('schedules')));
    return texts.map(readSchedule);
  }

  async saveSchedule(schedule: StoredSchedule, expectedVersion: number | null): Promise<boolean> {
    const args = [schedule.id, writeSchedule(schedule), expectedVersion ?? ''];
    return (await this.#server.run(SAVE_SCHEDULE, args)) === 1;
  }

  async removeSchedule(id: string): Promise<boolean> {
    return (await this.#do('remove a schedule', (key) => this.#server.client.hdel(key('schedules'), id))) === 1;
  }

  async beat(processId: string, forMs: number): Promise<void> {
    await this.#server.run(BEAT, [processId, forMs]);
  }

  async deadProcesses(): Promise<readonly string[]> {
    return (await this.#server.list(DEAD)).map(textOf);
  }

  async bury(processId: string): Promise<void> {
    const { lanes } = await this.head();
    const its = lanes.filter((lane) => readLaneName(lane).process === processId);
    await this.#server.run(BURY, [processId, ...its]);
  }

  async turn(name: string, forMs: number): Promise<boolean> {
    const answer = await this.#do('take a turn', (key) =>
      this.#server.client.set(key('turn', name), '1', 'PX', Math.ceil(forMs), 'NX'),
    );
    return answer === 'OK';
  }

  async #head(newStoreId: string): Promise<BookHead> {
    const [storeId, lanes, paused] = await this.#server.list(HEAD, [newStoreId]);
    return {
      storeId: textOf(storeId),
      lanes: listOf(lanes).map(textOf),
      pausedQueues: listOf(paused).map(textOf),
    };
  }

  #do<T>(what: string, command: (key: (...names: string[]) => string) => Promise<T>): Promise<T> {
    return this.#server.call(what, () => command((...names) => this.#server.key(...names)));
  }
}
