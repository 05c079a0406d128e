import { describe, expect, it } from '@jest/globals';
import { welcome, workerWelcome } from '../../src/cli/welcome.js';

const SQLITE = { place: 'data/errand.db', trouble: null, work: true };
const MEMORY = { place: 'in memory; they end with the server', trouble: null, work: true };
const TASKS = [{ name: 'b' }, { name: 'a' }];

describe('the welcome', () => {
  it('says where the server listens, which tasks it has, and how to try them', () => {
    expect(welcome({ address: '127.0.0.1', port: 3456, tasks: TASKS, ...SQLITE, examples: true })).toBe(`\
Errand listens on http://127.0.0.1:3456
Tasks: a, b
Runs: data/errand.db

Try, in another terminal:
  curl http://127.0.0.1:3456/process -H 'Content-Type: application/json' -d '{ "task": "slow-report", "id": "report", "input": { "steps": 120 } }'
  curl -N http://127.0.0.1:3456/process/report/events
  curl -X DELETE http://127.0.0.1:3456/process/report

Press Ctrl+C to stop.
`);
  });

  it('says where runs live in memory, that they end with the server', () => {
    const text = welcome({ address: '127.0.0.1', port: 1, tasks: TASKS, ...MEMORY, examples: false });
    expect(text).toContain('Runs: in memory; they end with the server\n');
  });

  it('starts no task of which it knows nothing', () => {
    const text = welcome({ address: '127.0.0.1', port: 1, tasks: TASKS, ...SQLITE, examples: false });
    expect(text.match(/^ {2}curl/gm)).toHaveLength(3);
    expect(text).not.toMatch(/ -d |DELETE|slow-report/);
  });

  it.each([
    ['::1', 'http://[::1]:1', 'http://[::1]:1'],
    ['0.0.0.0', 'http://0.0.0.0:1', 'http://127.0.0.1:1'],
    ['::', 'http://[::]:1', 'http://[::1]:1'],
  ])('gives addresses that a client can go to when it listens on %s', (address, listens, reachable) => {
    const text = welcome({ address, port: 1, tasks: TASKS, ...SQLITE, examples: false });
    expect(text).toContain(`listens on ${listens}\n`);
    expect(text).toContain(`curl ${reachable}/readyz\n`);
  });

  it('says that the work is done elsewhere, and that runs cannot be reached yet', () => {
    const trouble = 'Redis cannot be reached';
    const fleet = { place: 'redis://db.test:6379', trouble, work: false };
    const text = welcome({ address: '::1', port: 1, tasks: TASKS, ...fleet, examples: false });
    expect(text).toContain(
      'Runs: redis://db.test:6379\nWaiting, for they cannot be reached yet: Redis cannot be reached\n',
    );
    expect(text).toContain('Work: none here (--no-work)');
  });

  it('of a worker says where its health is asked for, and what it works on', () => {
    const fleet = { place: 'redis://db.test:6379', trouble: null, queues: ['mail', 'report*'] };
    expect(workerWelcome({ address: '127.0.0.1', port: 3456, tasks: TASKS, ...fleet })).toBe(`\
Errand works; its health endpoint listens on http://127.0.0.1:3456
Tasks: a, b
Runs: redis://db.test:6379
Queues: mail, report*

Press Ctrl+C to stop.
`);
  });
});
