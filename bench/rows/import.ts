import { runChild } from '../child.js';
import type { Row } from '../row.js';

/** What `children/import-time.ts` prints. */
interface Imported {
  readonly milliseconds: number;
  readonly packages: readonly string[];
}

/** From before `import('errand')` to after it, in a fresh process in which nothing else was imported. */
const importTime: Row = {
  name: 'import-time',
  title: "import 'errand'",
  unit: 'ms',
  target: { of: 'ours', most: 15 },
  pairs: 11,
  peer: false,
  measure: async () => (await runChild<Imported>('import-time')).milliseconds,
};

/** How many packages' files that import loads beside our own and p-limit's (with the one that p-limit needs). */
const importPackages: Row = {
  name: 'import-packages',
  title: "packages that import 'errand' loads beyond p-limit",
  unit: '',
  target: { of: 'ours', most: 0 },
  pairs: 1,
  peer: false,
  measure: async () => {
    const { packages } = await runChild<Imported>('import-time', 'packages');
    return packages.filter((name) => name !== 'p-limit' && name !== 'yocto-queue').length;
  },
};

export const importRows: readonly Row[] = [importTime, importPackages];
