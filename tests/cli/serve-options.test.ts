import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { FleetUrl } from '../../src/cli/fleet-url.js';
import { readServeOptions, type ServeOptions } from '../../src/cli/serve-options.js';

const EXAMPLES = ['--examples'];

/** What reading them throws. */
function refusal(args: readonly string[], env: NodeJS.ProcessEnv = {}): unknown {
  try {
    readServeOptions(args, env);
    return 'nothing';
  } catch (error) {
    return error;
  }
}

describe('the options of serve', () => {
  it('have defaults', () => {
    expect(readServeOptions(EXAMPLES, {})).toEqual({
      examples: true,
      taskModules: [],
      insecure: false,
      host: '127.0.0.1',
      port: 3000,
      backend: 'sqlite',
      dataFolder: 'data',
      dataFolderIsChosen: false,
      logLevel: 'info',
      work: true,
    });
  });

  it('come from the arguments and the environment', () => {
    const env = { HOST: '::1', PORT: '0', ERRAND_DATA: '/srv/data', ERRAND_BACKEND: 'memory', LOG_LEVEL: 'debug' };
    expect(readServeOptions(['--tasks', 'a.js', '--tasks=b.js', '--insecure'], env)).toEqual({
      examples: false,
      taskModules: ['a.js', 'b.js'],
      insecure: true,
      host: '::1',
      port: 0,
      backend: 'memory',
      dataFolder: '/srv/data',
      dataFolderIsChosen: true,
      logLevel: 'debug',
      work: true,
    });
  });

  it('take an empty variable as none', () => {
    const env = { HOST: '', PORT: '', ERRAND_DATA: '', ERRAND_BACKEND: '', LOG_LEVEL: '' };
    expect(readServeOptions(EXAMPLES, env)).toEqual(readServeOptions(EXAMPLES, {}));
  });

  it.each([['--help'], ['-h'], ['--examples', '--help']])('ask for help with %s', (...args) => {
    expect(readServeOptions(args, {})).toBe('help');
  });

  it.each([
    ['redis://db.test', 'redis://db.test'],
    ['rediss://user:hunter2@db.test:6380/3?x=hunter2', 'rediss://db.test:6380/3'],
    ['postgres://user:hun%2Fter2@db.test/errand', 'postgres://db.test/errand'],
    ['postgresql://[::1]:5432/', 'postgresql://[::1]:5432'],
  ])('name the server of a fleet by %s, and show no password of it', (url, shown) => {
    const { backend } = readServeOptions([...EXAMPLES, '--no-work'], { ERRAND_BACKEND: url }) as ServeOptions;
    assert(backend instanceof FleetUrl);
    expect([backend.withPassword, backend.shown]).toEqual([url, shown]);
    expect(`${inspect({ backend })} ${JSON.stringify({ backend })} ${String(backend)}`).not.toMatch(/hun/);
  });

  it('leave the work to others with --no-work', () => {
    expect(readServeOptions([...EXAMPLES, '--no-work'], {})).toMatchObject({ work: false, backend: 'sqlite' });
  });

  describe('are refused with exit code 2, and a message that helps', () => {
    it.each<[string, readonly string[], NodeJS.ProcessEnv, string]>([
      ['nothing to serve', [], {}, 'give --tasks ./tasks.js, or --examples'],
      ['an unknown option', ['--port', '1'], {}, "unknown option '--port'; see errand serve --help"],
      ['a missing value', ['--tasks'], {}, '--tasks'],
      ['an empty value', ['--tasks='], {}, '--tasks needs the path of a module'],
      ['a value too many', ['--examples=yes'], {}, 'does not take an argument'],
      ['a stray word', ['--examples', 'all'], {}, "unexpected argument 'all'"],
      ['a port that is none', EXAMPLES, { PORT: '80a' }, 'PORT must be a number from 0 to 65535'],
      ['a port that is too high', EXAMPLES, { PORT: '65536' }, '"65536"'],
      ['a port below 0', EXAMPLES, { PORT: '-1' }, '"-1"'],
      ['a level that is none', EXAMPLES, { LOG_LEVEL: 'loud' }, 'one of trace, debug, info, warn'],
      ['another backend', EXAMPLES, { ERRAND_BACKEND: 'SQLite' }, 'ERRAND_BACKEND must be sqlite, memory, or a URL'],
      ['no work in memory', ['--examples', '--no-work'], { ERRAND_BACKEND: 'memory' }, 'keeps runs from them'],
    ])('%s', (_what, args, env, message) => {
      expect(refusal(args, env)).toMatchObject({ exitCode: 2, message: expect.stringContaining(message) });
    });

    it.each([
      'redis://user:hunter2/and@db.test',
      'redis://:1234/hunter2@db.test',
      'redis://user:1?hunter2@db.test',
      'redis://user:12#hunter2@db.test',
      'redis://user:hunter2%@db.test',
      'redis://user:hunter2@db.test:port',
      'mysql://user:hunter2@db.test',
    ])('without showing a password: %s', (url) => {
      const refused = refusal(EXAMPLES, { ERRAND_BACKEND: url });
      expect(refused).toMatchObject({ exitCode: 2, message: expect.not.stringMatching(/hunter2|1234/) });
    });
  });
});
