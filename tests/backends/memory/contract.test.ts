import { describe, it } from '@jest/globals';
import { memoryBackend } from '../../../src/backends/memory/memory-backend.js';
import { backendContract } from '../../../src/testing/backend-contract.js';

describe('memoryBackend', () => {
  backendContract(() => memoryBackend(), { describe, it });
});
