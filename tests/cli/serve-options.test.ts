import { describe, expect, it } from '@jest/globals';
import { readServeOptions } from '../../src/cli/serve-options.js';

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
      dataFolder: 'data',
      logLevel: 'info',
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
      dataFolder: '/srv/data',
      logLevel: 'debug',
    });
  });

  it('take an empty variable as none', () => {
    const env = { HOST: '', PORT: '', ERRAND_DATA: '', ERRAND_BACKEND: '', LOG_LEVEL: '' };
    expect(readServeOptions(EXAMPLES, env)).toEqual(readServeOptions(EXAMPLES, {}));
  });

  it.each([['--help'], ['-h'], ['--examples', '--help']])('ask for help with %s', (...args) => {
    expect(readServeOptions(args, {})).toBe('help');
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
      ['another backend', EXAMPLES, { ERRAND_BACKEND: 'sqlite' }, 'must be memory, the only backend there is'],
    ])('%s', (_what, args, env, message) => {
      expect(refusal(args, env)).toMatchObject({ exitCode: 2, message: expect.stringContaining(message) });
    });

    it('without showing a password', () => {
      const env = { ERRAND_BACKEND: 'redis://user:hunter2@db.test' };
      expect(refusal(EXAMPLES, env)).toMatchObject({ message: expect.not.stringContaining('hunter2') });
    });
  });
});
