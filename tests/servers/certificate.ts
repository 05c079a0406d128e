import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { findProgram } from './child-server.js';

/** What a server of a test speaks TLS with. Nobody trusts it who was not given `cert`. */
export interface Certificate {
  /** The files, in PEM. */
  readonly cert: string;
  readonly key: string;
}

/** Makes one for 127.0.0.1, signed by itself, in `folder`. Node can read certificates, but not make them. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const what = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const whose = ['-subj', '/CN=errand', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await promisify(execFile)('openssl', [...what, ...whose, '-out', cert, '-keyout', key]);
  return { cert, key };
}

/** Why none can be made; undefined where one can. */
export function opensslMissing(): string | undefined {
  return findProgram('openssl') === undefined ? 'openssl is not installed' : undefined;
}
