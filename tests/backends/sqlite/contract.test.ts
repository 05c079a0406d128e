import { describe, it } from '@jest/globals';
import { backendContract } from '../../../src/testing/backend-contract.js';
import { sqliteSubject } from './contract-subject.js';

describe('sqlite', () => {
  backendContract(sqliteSubject, { describe, it }, { restart: true });
});
