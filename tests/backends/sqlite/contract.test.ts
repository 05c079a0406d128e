import { describe, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqlite } from '../../../src/backends/sqlite/sqlite-backend.js';
import { backendContract } from '../../../src/testing/backend-contract.js';

describe('sqlite', () => {
  backendContract(
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'errand-contract-'));
      return {
        backend: sqlite({ file: join(folder, 'errand.db') }),
        dispose: () => rm(folder, { recursive: true }),
      };
    },
    { describe, it },
  );
});
