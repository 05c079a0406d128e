import { describe, expect, it } from '@jest/globals';
import type { Backend } from '../../../src/ports/backend.js';
import { fleetGrounds } from './fleet-ground.js';
import { withFleet } from './fleet.js';

const grounds = await fleetGrounds();

describe.each(grounds)('on $name', (ground) =>
  ground.describe('a server that is away for a moment', () => {
    it('is asked again for what is kept of a run at work: its handler does not fail for that', () =>
      withFleet(ground, { lockMs: 10_000 }, async (member) => {
        member.work(1);
        await member.accept('a');
        const { lease } = await member.delivery('a');
        member.proxy.drop();
        const backend: Backend = member.backend;
        const step = Promise.resolve(backend.keepStep(lease, 'one', '1'));
        const checkpoint = Promise.resolve(backend.checkpoint(lease, { state: [1], soFar: undefined }));
        await expect(async () => backend.find('a')).rejects.toMatchObject({ code: 'BACKEND' });
        member.proxy.restore();
        expect([await step, await checkpoint]).toEqual(['1', true]);
        expect(await backend.stepsOf(lease)).toEqual(new Map([['one', '1']]));
      }));
  }),
);
