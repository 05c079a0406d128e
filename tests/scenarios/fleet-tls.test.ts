import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { type Certificate, makeCertificate, opensslMissing } from '../servers/certificate.js';
import { freePort } from '../servers/child-server.js';
import { postgresMissing, startPostgres } from '../servers/postgres.js';
import { describeWhereThere } from '../servers/server-for-tests.js';
import { redisMissing, startRedis } from '../servers/start-redis.js';
import { temporaryFolders } from '../temporary-folder.js';
import { Fleet, statusOf, terminate } from './fleet.js';
import { expectRefusal, report } from './outages.js';
import { programs } from './program.js';
import { finished, startRun } from './runs.js';

const stops: (() => Promise<void>)[] = [];
// Before their folders are removed.
afterAll(async () => {
  for (const stop of stops) await stop();
});
const makeFolder = temporaryFolders();
const keepFolder = temporaryFolders(afterAll);
const start = programs();
let certificate: Certificate;

/** Starts processes that trust what `trusted` names. */
async function fleetAt(url: string, trusted?: string): Promise<Fleet> {
  const env = trusted === undefined ? {} : { NODE_EXTRA_CA_CERTS: trusted };
  return Fleet.at(start, { cwd: await makeFolder(), url, env });
}

async function expectWork(fleet: Fleet): Promise<void> {
  const [api] = await Promise.all([fleet.api(), fleet.worker()]);
  expect(await finished(api, await startRun(api, report(1)))).toMatchObject({ status: 'completed' });
}

async function expectDistrust(fleet: Fleet): Promise<void> {
  const [api, worker] = await Promise.all([fleet.api(), fleet.worker()]);
  for (const { stdout } of [api, worker]) expect(stdout).toContain('shows a certificate that is not trusted');
  await expectRefusal(api);
  expect([await statusOf(api, '/readyz'), await statusOf(worker, '/readyz')]).toEqual([503, 503]);
  expect(await Promise.all([terminate(api), terminate(worker)])).toEqual([0, 0]);
}

describeWhereThere('Redis or openssl', redisMissing() ?? opensslMissing())('a Redis that speaks TLS', () => {
  let url: string;

  beforeAll(async () => {
    const dir = await keepFolder();
    certificate = await makeCertificate(dir);
    const port = await freePort();
    const place = ['--tls-port', String(port), '--tls-auth-clients', 'no'];
    const files = ['--tls-cert-file', certificate.cert, '--tls-key-file', certificate.key];
    const redis = await startRedis({ dir, settings: [...place, ...files] });
    stops.push(() => redis.process.stop());
    url = `rediss://127.0.0.1:${port}`;
  });

  it('is not used where its certificate is signed by nobody who is trusted', async () => {
    await expectDistrust(await fleetAt(url));
  }, 30_000);

  it('is used where its authority was named, for the name in its certificate alone', async () => {
    await expectWork(await fleetAt(url, certificate.cert));
    await expectDistrust(await fleetAt(url.replace('127.0.0.1', 'localhost'), certificate.cert));
  }, 30_000);
});

describeWhereThere('PostgreSQL or openssl', postgresMissing() ?? opensslMissing())(
  'a PostgreSQL that speaks TLS',
  () => {
    let url: string;

    beforeAll(async () => {
      certificate = await makeCertificate(await keepFolder());
      const postgres = await startPostgres({ dir: await keepFolder(), certificate });
      stops.push(() => postgres.process.stop());
      url = postgres.url;
    }, 60_000);

    /** How many connections of ours there are, by whether they are encrypted. */
    async function connections(): Promise<{ encrypted: number; plain: number }> {
      const client = new Client({ connectionString: url });
      await client.connect();
      const { rows } = await client.query<{ encrypted: number; plain: number }>(
        `SELECT count(*) FILTER (WHERE ssl)::int AS encrypted, count(*) FILTER (WHERE NOT ssl)::int AS plain
         FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'errand'`,
      );
      await client.end();
      return rows[0] ?? { encrypted: 0, plain: 0 };
    }

    it.each(['verify-full', 'require'])(
      'is not used with sslmode=%s where its certificate is signed by nobody who is trusted',
      async (mode) => {
        await expectDistrust(await fleetAt(`${url}?sslmode=${mode}`));
      },
      30_000,
    );

    it('is used where its authority was named, and every connection is encrypted', async () => {
      await expectWork(await fleetAt(`${url}?sslmode=verify-full`, certificate.cert));
      await expectWork(await fleetAt(`${url}?sslmode=verify-full&sslrootcert=${certificate.cert}`));
      const { encrypted, plain } = await connections();
      expect(encrypted).toBeGreaterThanOrEqual(4); // of each process
      expect(plain).toBe(0);
    }, 30_000);

    it('is told apart from a URL that names a file which is not there', async () => {
      const fleet = await fleetAt(`${url}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem`);
      const told = /The connection URL of PostgreSQL cannot be used: ENOENT[^\n]*\/nowhere\/ca\.pem/;
      await expect(fleet.api()).rejects.toThrow(told);
    }, 30_000);
  },
);
