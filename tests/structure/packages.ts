import { importsOf, reachable } from './imports.js';
import type { Source } from './sources.js';

/** Where each package may be imported. A package that is not here may not be imported at all. */
export const HOMES: Readonly<Record<string, readonly string[]>> = {
  'p-limit': ['src/batch/'],
  // The examples are applications of their own, and import us by name as such.
  errand: ['src/examples/'],
  koa: ['src/koa/', 'src/examples/'],
  '@koa/router': ['src/koa/', 'src/examples/'],
  'koa-bodyparser': ['src/koa/', 'src/examples/'],
  zod: ['src/http-api/', 'src/examples/'],
  'csv-parse': ['src/imports/'],
  pino: ['src/cli/'],
  bullmq: ['src/backends/bullmq/'],
  libsql: ['src/backends/sqlite/'],
  croner: ['src/schedule/'],
  'prom-client': ['src/metrics/'],
};

/** Rule 3: each package is imported in one folder. */
export function packageViolations(sources: readonly Source[]): string[] {
  return sources.flatMap(importsOf).flatMap((found) => {
    const name = found.package;
    if (name === undefined || name.startsWith('node:')) return [];
    const homes = HOMES[name];
    if (homes === undefined) return [`${found.at} imports ${name}, which has no folder of its own`];
    if (homes.some((home) => found.from.startsWith(home))) return [];
    return [`${found.at} imports ${name}, which belongs in ${homes.join(' and ')}`];
  });
}

/** What can be reached from `src/index.ts` imports no package but p-limit. */
export function coreViolations(sources: readonly Source[]): string[] {
  return reachable(sources, 'src/index.ts')
    .flatMap(importsOf)
    .filter(({ package: name }) => name !== undefined && !name.startsWith('node:') && name !== 'p-limit')
    .map(({ at, package: name }) => `${at} brings ${String(name)} into the core`);
}

/** The packages that the published part of `src/` imports, in the order of the alphabet. */
export function publishedPackages(sources: readonly Source[]): string[] {
  const names = sources
    .filter(({ path }) => !path.startsWith('src/examples/'))
    .flatMap(importsOf)
    .flatMap(({ package: name }) => (name === undefined || name.startsWith('node:') ? [] : [name]));
  return [...new Set(names)].sort();
}
