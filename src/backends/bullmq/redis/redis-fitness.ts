import type { Redis } from 'ioredis';
import type { Logger } from '../../../ports/logger.js';
import { serverUnfit } from '../server/server-failures.js';

/** What the messages between processes need. */
const OLDEST = [6, 2] as const;

/**
 * Checks that a Redis keeps what it is given, as far as it tells.
 *
 * @throws {TaskError} BACKEND when it may not: says what to set.
 */
export async function checkRedisFitness(client: Redis, logger: Logger | undefined): Promise<void> {
  const facts = readInfo(await client.info());
  refuseUnfit(facts);
  if (!(await isSaving(client, facts))) {
    logger?.warn(
      { server: 'redis' },
      'This Redis keeps nothing on disk: when it ends, every run is lost. Set "appendonly yes", or "save"',
    );
  }
}

function refuseUnfit(facts: ReadonlyMap<string, string>): void {
  const version = facts.get('redis_version') ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw serverUnfit('redis', `must be 6.2 or newer for a fleet; this one is ${version || 'of an unknown version'}`);
  }
  const policy = facts.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    throw serverUnfit(
      'redis',
      `removes runs when its memory is full (maxmemory-policy is ${policy}); set maxmemory-policy to noeviction`,
    );
  }
  if (facts.get('redis_mode') === 'cluster') {
    throw serverUnfit('redis', 'is a cluster, which this backend does not work with; connect to a single server');
  }
  if (facts.get('role') === 'slave') {
    throw serverUnfit('redis', 'is a replica, which cannot be written; connect to the primary');
  }
}

/** Whether it writes to its disk. One that does not let itself be asked is a service, which sees to that itself. */
async function isSaving(client: Redis, facts: ReadonlyMap<string, string>): Promise<boolean> {
  if (facts.get('aof_enabled') === '1') return true;
  const answer: unknown = await client.config('GET', 'save').catch(() => undefined);
  return !(Array.isArray(answer) && answer[1] === '');
}

function readInfo(text: string): Map<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}
