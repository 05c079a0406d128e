import type { Logger } from '../../../ports/logger.js';
import type { Queryable } from './postgres-tables.js';
import { serverUnfit } from '../server/server-failures.js';

const OLDEST = 13;

interface Facts {
  readonly number: number;
  readonly version: string;
  readonly standby: boolean;
  readonly encoding: string;
  readonly commit: string;
  readonly fsync: string;
}

/**
 * Checks that a PostgreSQL keeps what it is given, as far as it tells.
 *
 * @throws {TaskError} BACKEND when it cannot: says what to do.
 */
export async function checkPostgresFitness(client: Queryable, logger: Logger | undefined): Promise<void> {
  const { rows } = await client.query<Facts>(
    `SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version,
      pg_is_in_recovery() AS standby, current_setting('server_encoding') AS encoding,
      current_setting('synchronous_commit') AS commit, current_setting('fsync') AS fsync`,
  );
  const [facts] = rows;
  if (facts === undefined) throw new Error('a query of settings gave no row');
  refuseUnfit(facts);
  warnOfLoss(facts, logger);
}

function refuseUnfit({ number, version, standby, encoding }: Facts): void {
  if (number < OLDEST * 10_000) {
    throw serverUnfit('postgres', `must be ${OLDEST} or newer for a fleet; this one is ${version}`);
  }
  if (standby) throw serverUnfit('postgres', 'is a standby, which cannot be written; connect to the primary');
  if (encoding !== 'UTF8') {
    throw serverUnfit('postgres', `keeps texts of this database as ${encoding}; use a database with the encoding UTF8`);
  }
}

function warnOfLoss({ commit, fsync }: Facts, logger: Logger | undefined): void {
  if (fsync === 'off') {
    logger?.warn({ server: 'postgres' }, 'This PostgreSQL may be damaged when its computer fails. Set "fsync" to on');
  } else if (commit === 'off') {
    logger?.warn(
      { server: 'postgres' },
      'This PostgreSQL answers before it has written: runs that were accepted last are lost when it crashes. ' +
        'Set "synchronous_commit" to on',
    );
  }
}
