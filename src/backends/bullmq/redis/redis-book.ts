import type { FleetBook } from '../book/book.js';
import { composeBook } from '../book/compose-book.js';
import { RedisClaims } from './redis-claims.js';
import { RedisEnds } from './redis-ends.js';
import { RedisFleet } from './redis-fleet.js';
import { RedisKeys } from './redis-keys.js';
import { RedisNotes } from './redis-notes.js';
import { RedisPlaces } from './redis-places.js';
import { RedisLent } from './redis-lent.js';
import { type RedisBookParts, RedisServer } from './redis-script.js';
import { RedisSteps } from './redis-steps.js';

/**
 * The book on Redis, on the connection that BullMQ uses: so what is sent first is done first. Every change is one script
 * or one command. The scripts make names of keys, so a Redis Cluster is no place for it.
 *
 * `redis-lua.ts` says what lies where.
 */
export function redisBook(parts: RedisBookParts): FleetBook {
  const server = new RedisServer(parts);
  const ends = new RedisEnds(server);
  const fleet = new RedisFleet(server);
  return composeBook({
    open: () => fleet.open(),
    places: new RedisPlaces(server),
    claims: new RedisClaims(server),
    keys: new RedisKeys(server),
    notes: new RedisNotes(server),
    steps: new RedisSteps(server),
    lent: new RedisLent(server),
    ends,
    tallies: ends,
    fleet,
  });
}
