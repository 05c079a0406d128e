import { afterEach } from '@jest/globals';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes folders that are gone after each test of the file that calls this; with `afterAll`, after all of them. */
export function temporaryFolders(after: typeof afterEach = afterEach): () => Promise<string> {
  const made: string[] = [];
  after(async () => {
    for (const folder of made.splice(0)) await rm(folder, { recursive: true, force: true });
  });
  return async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'errand-test-')));
    made.push(folder);
    return folder;
  };
}
