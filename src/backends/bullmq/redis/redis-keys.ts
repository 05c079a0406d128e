import type { KnownKey } from '../book/book.js';
import { KEYS, PLACES } from './redis-lua.js';
import { RedisScript, type RedisServer, textOf } from './redis-script.js';

const KNOWN = new RedisScript(
  'look up an idempotency key',
  PLACES,
  KEYS,
  `
local kept = keyNamed(ARGV[2])
if not kept then return {} end
return {kept.id, kept.fingerprint, kept.expiresAt <= tonumber(ARGV[3]) and 1 or 0}`,
);

const DROP = new RedisScript(
  'let an idempotency key go',
  PLACES,
  KEYS,
  `
local kept = keyNamed(ARGV[2])
if kept and kept.id == ARGV[3] then dropKey(ARGV[2]) end`,
);

const ENDED = new RedisScript(
  'keep that the run of a key has ended',
  PLACES,
  KEYS,
  'keyEnded(ARGV[2], ARGV[3], ARGV[4])',
);

/** Those whose runs have not ended are looked at once, not by each sweep: they go by `keyEnded`. */
const SWEEP = new RedisScript(
  'let old idempotency keys go',
  PLACES,
  KEYS,
  `
for _, name in ipairs(redis.call('ZRANGEBYSCORE', key('keytimes'), '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])) do
  if redis.call('ZSCORE', key('endedkeys'), name) then dropKey(name)
  else redis.call('ZREM', key('keytimes'), name) end
end`,
);

/** Idempotency keys, once they are claimed. */
export class RedisKeys {
  readonly #server: RedisServer;

  constructor(server: RedisServer) {
    this.#server = server;
  }

  async keyOf(name: string, now: number): Promise<KnownKey | undefined> {
    const [id, fingerprint, expired] = await this.#server.list(KNOWN, [name, now]);
    return id === undefined ? undefined : { id: textOf(id), fingerprint: textOf(fingerprint), expired: expired === 1 };
  }

  async dropKey(name: string, id: string): Promise<void> {
    await this.#server.run(DROP, [name, id]);
  }

  async keyEnded(name: string, id: string, at: number): Promise<void> {
    await this.#server.run(ENDED, [name, id, at]);
  }

  async dropKeys(now: number, limit: number): Promise<void> {
    await this.#server.run(SWEEP, [now, limit]);
  }

  async haveKeys(ids: readonly string[]): Promise<readonly boolean[]> {
    if (ids.length === 0) return [];
    const { client } = this.#server;
    const names = await this.#server.call('look up idempotency keys', () =>
      client.hmget(this.#server.key('keyof'), ...ids),
    );
    return names.map((name) => name !== null);
  }
}
