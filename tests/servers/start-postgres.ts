import { execFile } from 'node:child_process';
import { chmod, chown, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Certificate } from './certificate.js';
import { ChildServer, findProgram, freePort, postgresFolders, someoneElse, type UserIds } from './child-server.js';
import { isUsablePostgres } from './postgres-client.js';

/** Where one is on most machines that have one: the database that is made for tests, or the one that always is there. */
export const STANDARD_POSTGRES = ['test', 'postgres'].map(
  (database) => `postgres://postgres@127.0.0.1:5432/${database}`,
);

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
    isUp: () => isUsablePostgres(url),
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

/** Why none can be started; undefined where one can. */
export function postgresMissing(): string | undefined {
  return programs().includes(undefined) ? 'PostgreSQL (initdb, postgres) is not installed' : undefined;
}

function programs(): [initdb: string | undefined, postgres: string | undefined] {
  const folders = postgresFolders();
  return [findProgram('initdb', folders), findProgram('postgres', folders)];
}
