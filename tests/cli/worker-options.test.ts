import { describe, expect, it } from '@jest/globals';
import { readWorkerOptions } from '../../src/cli/worker-options.js';

const EXAMPLES = ['--examples'];
const FLEET = { ERRAND_BACKEND: 'redis://db.test' };

/** What reading them throws. */
function refusal(args: readonly string[], env: NodeJS.ProcessEnv = FLEET): unknown {
  try {
    readWorkerOptions(args, env);
    return 'nothing';
  } catch (error) {
    return error;
  }
}

describe('the options of worker', () => {
  it('have defaults, but for the server that its runs are on', () => {
    expect(readWorkerOptions(EXAMPLES, FLEET)).toMatchObject({
      examples: true,
      taskModules: [],
      host: '127.0.0.1',
      port: 0,
      backend: { shown: 'redis://db.test' },
      queues: undefined,
      concurrency: undefined,
      dataFolder: 'data',
      dataFolderIsChosen: false,
      logLevel: 'info',
    });
  });

  it('come from the arguments and the environment', () => {
    const args = ['--tasks', 'a.js', '--queues', 'mail, report-*', '--queues=slow', '--concurrency', '8'];
    const env = {
      ERRAND_BACKEND: 'postgres://db.test/errand',
      PORT: '8080',
      HOST: '0.0.0.0',
      ERRAND_DATA: '/mnt/data',
    };
    expect(readWorkerOptions(args, env)).toMatchObject({
      taskModules: ['a.js'],
      queues: ['mail', 'report-*', 'slow'],
      concurrency: 8,
      host: '0.0.0.0',
      port: 8080,
      dataFolder: '/mnt/data',
      dataFolderIsChosen: true,
    });
  });

  it.each([['--help'], ['-h'], ['--examples', '--help']])('ask for help with %s', (...args) => {
    expect(readWorkerOptions(args, {})).toBe('help');
  });

  it.each<[string, readonly string[], NodeJS.ProcessEnv, string]>([
    ['nothing to work on', [], FLEET, 'nothing to work on: give --tasks ./tasks.js, or --examples'],
    ['no backend', EXAMPLES, {}, 'set ERRAND_BACKEND to redis://… or postgres://…, here and for errand serve'],
    ['a file', EXAMPLES, { ERRAND_BACKEND: 'sqlite' }, 'a file belongs to the one process that has opened it'],
    ['memory', EXAMPLES, { ERRAND_BACKEND: 'memory' }, 'what is in the memory of another process'],
    ['an unknown option', ['--insecure'], FLEET, "unknown option '--insecure'; see errand worker --help"],
    ['a queue that is none', [...EXAMPLES, '--queues', 'a,b c'], FLEET, '--queues must hold names of queues'],
    ['an empty queue', [...EXAMPLES, '--queues', 'a,'], FLEET, 'got ""'],
    ['no handler at all', [...EXAMPLES, '--concurrency', '0'], FLEET, '--concurrency must be a number from 1'],
    ['a number that is none', [...EXAMPLES, '--concurrency', '8x'], FLEET, 'got "8x"'],
  ])('are refused with exit code 2: %s', (_what, args, env, message) => {
    expect(refusal(args, env)).toMatchObject({ exitCode: 2, message: expect.stringContaining(message) });
  });
});
