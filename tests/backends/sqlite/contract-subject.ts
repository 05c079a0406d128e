import { copyFileSync, existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqlite } from '../../../src/backends/sqlite/sqlite-backend.js';
import type { ContractSubject } from '../../../src/testing/contract/stage.js';

/** A new file for the suite, and what a process leaves of it that is killed. */
export async function sqliteSubject(): Promise<ContractSubject & Required<Pick<ContractSubject, 'reopen'>>> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-contract-'));
  let files = 1;
  const fileOf = (n: number) => join(folder, `${n}.db`);
  return {
    backend: sqlite({ file: fileOf(files) }),
    reopen: () => {
      const [before, after] = [fileOf(files), fileOf((files += 1))];
      for (const part of ['', '-wal']) if (existsSync(before + part)) copyFileSync(before + part, after + part);
      return sqlite({ file: after });
    },
    dispose: () => rm(folder, { recursive: true }),
  };
}
