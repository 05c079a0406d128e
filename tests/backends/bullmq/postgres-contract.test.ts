import { describe, it } from '@jest/globals';
import { backendContract } from '../../../src/testing/backend-contract.js';
import { postgresGround } from './fleet-ground.js';
import { fleetSubject } from './fleet-subject.js';

const postgres = await postgresGround();

postgres.describe('bullmq on postgresql', () => {
  backendContract(() => fleetSubject(postgres), { describe, it }, { restart: true, lostLeases: true, dueOrder: false });
});
