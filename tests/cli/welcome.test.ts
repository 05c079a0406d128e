import { describe, expect, it } from '@jest/globals';
import { welcome } from '../../src/cli/welcome.js';

const TASKS = [{ name: 'b' }, { name: 'a' }];

describe('the welcome', () => {
  it('says where the server listens, which tasks it has, and how to try them', () => {
    expect(welcome({ address: '127.0.0.1', port: 3456, tasks: TASKS, examples: true })).toBe(`\
Errand listens on http://127.0.0.1:3456
Tasks: a, b

Try, in another terminal:
  curl http://127.0.0.1:3456/process -H 'Content-Type: application/json' -d '{ "task": "slow-report", "id": "report", "input": { "steps": 120 } }'
  curl -N http://127.0.0.1:3456/process/report/events
  curl -X DELETE http://127.0.0.1:3456/process/report

Press Ctrl+C to stop.
`);
  });

  it('starts no task of which it knows nothing', () => {
    const text = welcome({ address: '127.0.0.1', port: 1, tasks: TASKS, examples: false });
    expect(text.match(/^ {2}curl/gm)).toHaveLength(3);
    expect(text).not.toMatch(/ -d |DELETE|slow-report/);
  });

  it.each([
    ['::1', 'http://[::1]:1', 'http://[::1]:1'],
    ['0.0.0.0', 'http://0.0.0.0:1', 'http://127.0.0.1:1'],
    ['::', 'http://[::]:1', 'http://[::1]:1'],
  ])('gives addresses that a client can go to when it listens on %s', (address, listens, reachable) => {
    const text = welcome({ address, port: 1, tasks: TASKS, examples: false });
    expect(text).toContain(`listens on ${listens}\n`);
    expect(text).toContain(`curl ${reachable}/readyz\n`);
  });
});
