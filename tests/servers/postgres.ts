import { execFile } from 'node:child_process';
import { chmod, chown, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import pg from 'pg';

import type { Certificate } from './certificate.js';
import { ChildServer, findProgram, freePort, postgresFolders, someoneElse, type UserIds } from './child-server.js';
import { type ServerForTests, serverForTests } from './server-for-tests.js';

/** A PostgreSQL of a test's own. */
export interface OwnPostgres {
  readonly url: string;
  /** Kills, freezes and starts it again, on the same port with what it had kept. */
  readonly process: ChildServer;
}

/** What {@link startPostgres} takes. */
export interface OwnPostgresOptions {
  /** Where it keeps its data. */
  readonly dir: string;
  /** A free one where it is left out. */
  readonly port?: number;
  /** With one, it also speaks TLS. */
  readonly certificate?: Certificate;
}

/**
 * Makes a database in `dir` and starts it. Whoever starts it stops it: `process.stop()`. It survives a kill of its
 * process, but not a power cut: that way it is faster.
 *
 * @throws {Error} where no PostgreSQL is installed.
 */
export async function startPostgres({ dir, port, certificate }: OwnPostgresOptions): Promise<OwnPostgres> {
  const [initdb, program] = programs();
  if (initdb === undefined || program === undefined) throw new Error('PostgreSQL is not installed');
  // PostgreSQL refuses to be run as root.
  const user = someoneElse(dir);
  const data = join(dir, 'data');
  const as = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'];
  await promisify(execFile)(initdb, ['-D', data, '--no-sync', ...as], { ...user, cwd: dir });
  const ownPort = port ?? (await freePort());
  const url = `postgres://postgres@127.0.0.1:${ownPort}/postgres`;
  const place = ['fsync=off', 'listen_addresses=127.0.0.1', 'unix_socket_directories='];
  const settings = [...place, ...(certificate ? await tlsSettings(certificate, dir, user) : [])];
  const server = new ChildServer({
    program,
    args: ['-D', data, '-p', String(ownPort), ...settings.flatMap((setting) => ['-c', setting])],
    user,
    isUp: () => isPostgres(url),
  });
  await server.start();
  return { url, process: server };
}

/** It reads no key that others could read, too. */
async function tlsSettings({ cert, key }: Certificate, dir: string, user: UserIds | undefined): Promise<string[]> {
  const files = { ssl_cert_file: join(dir, 'server.crt'), ssl_key_file: join(dir, 'server.key') };
  await copyFile(cert, files.ssl_cert_file);
  await copyFile(key, files.ssl_key_file);
  for (const file of Object.values(files)) {
    await chmod(file, 0o600);
    if (user) await chown(file, user.uid, user.gid);
  }
  return ['ssl=on', ...Object.entries(files).map(([name, file]) => `${name}=${file}`)];
}

/**
 * The PostgreSQL that tests share: that of `DATABASE_URL`; or the one on the standard port of this machine; or one of
 * their own. Each test has a schema of its own there. To be called, and awaited, at the top of a test file.
 */
export function postgresForTests(): Promise<ServerForTests> {
  const host = '127.0.0.1:5432';
  return serverForTests({
    name: 'PostgreSQL',
    variable: 'DATABASE_URL',
    standard: [`postgres://postgres@${host}/test`, `postgres://postgres@${host}/postgres`],
    isUsable: isPostgres,
    missing: postgresMissing(),
    start: async (dir) => {
      const { url, process } = await startPostgres({ dir });
      return { url, stop: () => process.stop() };
    },
  });
}

/** Why none can be started; undefined where one can. */
export function postgresMissing(): string | undefined {
  return programs().includes(undefined) ? 'PostgreSQL (initdb, postgres) is not installed' : undefined;
}

function programs(): [initdb: string | undefined, postgres: string | undefined] {
  const folders = postgresFolders();
  return [findProgram('initdb', folders), findProgram('postgres', folders)];
}

/** Whether a PostgreSQL answers there that lets us in, and make schemas. */
async function isPostgres(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ can: boolean }>(
      "SELECT has_database_privilege(current_database(), 'CREATE') AS can",
    );
    return rows[0]?.can === true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}
