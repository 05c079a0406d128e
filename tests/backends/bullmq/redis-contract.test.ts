import { describe, it } from '@jest/globals';
import { backendContract } from '../../../src/testing/backend-contract.js';
import { redisGround } from './fleet-ground.js';
import { fleetSubject } from './fleet-subject.js';

const redis = await redisGround();

redis.describe('bullmq on redis', () => {
  backendContract(() => fleetSubject(redis), { describe, it }, { restart: true, lostLeases: true });
});
