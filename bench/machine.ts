import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';

const PEERS = [
  'p-queue',
  'p-map',
  'koa',
  '@koa/router',
  'koa-bodyparser',
  'zod',
  'autocannon',
  'libsql',
  'plainjob',
  'bullmq',
  'ioredis',
];

/** What the table was measured on, and with. */
export function machine(): string {
  const [cpu] = cpus();
  const load = loadavg()[0] ?? 0;
  return [
    `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, load ${load.toFixed(1)} at the end`,
    `node ${process.versions.node}, ${PEERS.map((name) => `${name} ${versionOf(name)}`).join(', ')}`,
  ].join('\n');
}

/** Not every package exports its package.json: it lies beside where the package's files are looked for. */
function versionOf(name: string): string {
  for (const folder of createRequire(import.meta.url).resolve.paths(name) ?? []) {
    try {
      const { version } = JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')) as { version: string };
      return version;
    } catch {
      continue; // not in this folder
    }
  }
  return '?';
}
