import { isUsablePostgres } from './postgres-client.js';
import { type ServerForTests, serverForTests } from './server-for-tests.js';
import { postgresMissing, STANDARD_POSTGRES, startPostgres } from './start-postgres.js';

export { type OwnPostgres, type OwnPostgresOptions, postgresMissing, startPostgres } from './start-postgres.js';

/**
 * The PostgreSQL that tests share: that of `DATABASE_URL`; or the one on the standard port of this machine; or one of
 * their own. Each test has a schema of its own there. To be called, and awaited, at the top of a test file.
 */
export function postgresForTests(): Promise<ServerForTests> {
  return serverForTests({
    name: 'PostgreSQL',
    variable: 'DATABASE_URL',
    standard: STANDARD_POSTGRES,
    isUsable: isUsablePostgres,
    missing: postgresMissing(),
    start: async (dir) => {
      const { url, process } = await startPostgres({ dir });
      return { url, stop: () => process.stop() };
    },
  });
}
