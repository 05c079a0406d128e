import { checkInteger, checkOptions, show } from '../../task/checks.js';
import type { ServerName } from './server/server-failures.js';

/** What `bullmq` of `errand/bullmq` takes. */
export interface BullmqOptions {
  /** `redis://`, `rediss://` (TLS), `postgres://` or `postgresql://`: where the runs of the whole fleet are. */
  readonly connection: string;
  /**
   * What the names of everything kept there begin with (Redis: the keys; PostgreSQL: the schema): 1 to 32 of
   * `a–z 0–9 _`, first a letter. Processes with the same one share their runs; others on that server do not see them.
   * Default `'errand'`. On PostgreSQL, names that end in `_bullmq` are BullMQ's, and those of the system are its own.
   */
  readonly prefix?: string;
  /**
   * How long a process that has gone silent keeps its runs, in ms, 500 to 3 600 000. Renewed at a third of that.
   * Default 15 000.
   */
  readonly lockMs?: number;
  /** How often runs of silent processes are looked for, in ms, 100 to 3 600 000. Default 5 000. */
  readonly stalledCheckMs?: number;
  /** How long the server may take for an answer before a call ends with BACKEND, in ms, 100 to 60 000. Default 2 000. */
  readonly callTimeoutMs?: number;
}

/** The options, checked and complete. */
export interface BullmqSettings {
  readonly server: ServerName;
  readonly connection: string;
  readonly prefix: string;
  readonly lockMs: number;
  readonly stalledCheckMs: number;
  readonly callTimeoutMs: number;
}

const SCHEMES: Readonly<Record<string, ServerName>> = {
  'redis:': 'redis',
  'rediss:': 'redis',
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
};

const KNOWN = ['connection', 'prefix', 'lockMs', 'stalledCheckMs', 'callTimeoutMs'];

/** @throws {TypeError|RangeError} when an option is missing, unknown, of the wrong type or out of range. */
export function checkBullmqOptions(options: BullmqOptions): BullmqSettings {
  checkOptions("bullmq's options", options, KNOWN);
  const { connection, prefix = 'errand', lockMs = 15_000, stalledCheckMs = 5_000, callTimeoutMs = 2_000 } = options;
  const server = serverOf(connection);
  return {
    server,
    connection,
    prefix: checkPrefix(prefix, server),
    lockMs: checkInteger('lockMs', lockMs, { min: 500, max: 3_600_000 }),
    stalledCheckMs: checkInteger('stalledCheckMs', stalledCheckMs, { min: 100, max: 3_600_000 }),
    callTimeoutMs: checkInteger('callTimeoutMs', callTimeoutMs, { min: 100, max: 60_000 }),
  };
}

/** The URL is never shown: there may be a password in it. */
function serverOf(connection: unknown): ServerName {
  const expected = 'connection must be a URL that begins with redis://, rediss://, postgres:// or postgresql://';
  if (typeof connection !== 'string') throw new TypeError(`${expected}; got ${show(connection)}`);
  if (!URL.canParse(connection)) throw new RangeError(`${expected}; got text that is no URL`);
  const { protocol } = new URL(connection);
  const server = Object.hasOwn(SCHEMES, protocol) ? SCHEMES[protocol] : undefined;
  if (server === undefined) throw new RangeError(`${expected}; got one that begins with ${show(protocol)}`);
  return server;
}

function checkPrefix(prefix: unknown, server: ServerName): string {
  if (typeof prefix !== 'string') throw new TypeError(`prefix must be a string; got ${show(prefix)}`);
  if (!/^[a-z][a-z0-9_]{0,31}$/.test(prefix)) {
    throw new RangeError(
      `prefix must be 1 to 32 of the characters a-z 0-9 _ and begin with a letter; got ${show(prefix)}`,
    );
  }
  if (server === 'postgres') refuseOthersSchema(prefix);
  return prefix;
}

/** On PostgreSQL it is the name of a schema, and BullMQ's tables are in the one whose name is that with `_bullmq`. */
function refuseOthersSchema(prefix: string): void {
  if (prefix.startsWith('pg_') || prefix === 'information_schema') {
    throw new RangeError(`prefix must not be a schema of PostgreSQL's own; choose another than ${show(prefix)}`);
  }
  if (prefix.endsWith('_bullmq')) {
    throw new RangeError(
      `prefix must not end in _bullmq, where BullMQ has its tables for the prefix before that; choose another than ${show(prefix)}`,
    );
  }
}
