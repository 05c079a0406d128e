import { importsOf, reachable, type Import } from './imports.js';
import type { Source } from './sources.js';

/** Where each package may be imported. A package that is not here may not be imported at all. */
export const HOMES: Readonly<Record<string, readonly string[]>> = {
  'p-limit': ['src/batch/'],
  // The examples are applications of their own, and import us by name as such. The test kit stands beside an application
  // and must use the very classes that this has imported: it is bundled alone, so that the core is not cut up for it.
  errand: ['src/examples/', 'src/testing/'],
  koa: ['src/koa/', 'src/examples/'],
  '@koa/router': ['src/koa/', 'src/examples/'],
  'koa-bodyparser': ['src/koa/', 'src/examples/'],
  zod: ['src/http-api/', 'src/examples/'],
  'csv-parse': ['src/imports/'],
  pino: ['src/cli/'],
  nodemailer: ['src/examples/'],
  undici: ['src/examples/'],
  pdfkit: ['src/examples/'],
  sharp: ['src/examples/'],
  '@koa/multer': ['src/examples/'],
  bullmq: ['src/backends/bullmq/'],
  ioredis: ['src/backends/bullmq/'],
  pg: ['src/backends/bullmq/'],
  libsql: ['src/backends/sqlite/'],
  piscina: ['src/executors/thread/'],
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

/** What the core loads only when it is used: schedules need croner. */
function isLater({ from, file, dynamic }: Import): boolean {
  return dynamic && from.startsWith('src/manager/') && file?.startsWith('src/schedule/') === true;
}

/** What can be reached from `src/index.ts`, but for what is loaded later, imports no package but p-limit. */
export function coreViolations(sources: readonly Source[]): string[] {
  return reachable(sources, 'src/index.ts', isLater)
    .flatMap(importsOf)
    .filter(({ package: name }) => name !== undefined && !name.startsWith('node:') && name !== 'p-limit')
    .map(({ at, package: name }) => `${at} brings ${String(name)} into the core`);
}

/** The packages, but our own, that the published part of `src/` imports, in the order of the alphabet. */
export function publishedPackages(sources: readonly Source[]): string[] {
  const names = sources
    .filter(({ path }) => !path.startsWith('src/examples/'))
    .flatMap(importsOf)
    .flatMap(({ package: name }) =>
      name === undefined || name.startsWith('node:') || name === 'errand' ? [] : [name],
    );
  return [...new Set(names)].sort();
}
