import type { StepBook } from '../book/step-book.js';
import { NOTE } from './redis-lua.js';
import { RedisScript, type RedisServer, textOrNull } from './redis-script.js';

/** Answers 1 for the step that was given: its text need not be sent back. */
const KEEP = new RedisScript(
  'keep a step',
  NOTE,
  `
local _, job, delivery, name, text, stalls = unpack(ARGV)
if isBehind(job, delivery) then return false end
local isFirst = redis.call('HSETNX', key('steps', job), name, text) == 1
redis.call('HSET', key('note', job), 'stalls', stalls, 'delivery', delivery, 'steps', 1)
return isFirst and 1 or redis.call('HGET', key('steps', job), name)`,
);

/** Steps of runs that have not ended. */
export class RedisSteps implements StepBook {
  readonly #server: RedisServer;

  constructor(server: RedisServer) {
    this.#server = server;
  }

  async keepStep(...[, jobId, delivery, step]: Parameters<StepBook['keepStep']>): Promise<string | null> {
    const { key, text, stalls } = step;
    const reply = await this.#server.run(KEEP, [jobId, delivery, key, text, stalls]);
    return reply === 1 ? text : textOrNull(reply);
  }

  async stepsOf(jobId: string): Promise<ReadonlyMap<string, string>> {
    const { client, call } = this.#server;
    const steps = await call('read steps', () => client.hgetall(this.#server.key('steps', jobId)));
    return new Map(Object.entries(steps));
  }

  async dropSteps(jobId: string): Promise<void> {
    const { client, call } = this.#server;
    await call('let steps go', () => client.unlink(this.#server.key('steps', jobId)));
  }
}
