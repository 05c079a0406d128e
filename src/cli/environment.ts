import { show } from '../task/checks.js';
import { codeOf, usageError } from './command-error.js';
import { FleetUrl } from './fleet-url.js';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const OWN_BACKENDS = ['sqlite', 'memory'] as const;

/** Where runs live: in a file, in the memory of the server, or on a server that the processes of a fleet share. */
export type BackendSetting = (typeof OWN_BACKENDS)[number] | FleetUrl;

/** How much is logged; `silent` is nothing. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What the environment says to a command that opens a backend. */
export interface Environment {
  /** A name or an address. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly backend: BackendSetting;
  /** Where files go, that of the runs among them. */
  readonly dataFolder: string;
  /** Whether somebody has named it: that no other process has a folder `data` of its own is not to be expected. */
  readonly dataFolderIsChosen: boolean;
  readonly logLevel: LogLevel;
}

/**
 * Reads the environment; an empty variable counts as none.
 *
 * @throws {CommandError} exit code 2, when a variable makes no sense.
 */
export function readEnvironment(env: NodeJS.ProcessEnv, { port }: { readonly port: string }): Environment {
  return {
    host: env['HOST'] || '127.0.0.1',
    port: readPort(env['PORT'] || port),
    backend: readBackend(env['ERRAND_BACKEND'] || 'sqlite'),
    dataFolder: env['ERRAND_DATA'] || 'data',
    dataFolderIsChosen: Boolean(env['ERRAND_DATA']),
    logLevel: readLogLevel(env['LOG_LEVEL'] || 'info'),
  };
}

/** What `parseArgs` does; what it refuses is a usage error. @throws {CommandError} exit code 2. */
export function parsing<T>(command: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!codeOf(error).startsWith('ERR_PARSE_ARGS_')) throw error;
    // What follows the first sentence explains how to pass such a word on, which makes no sense here.
    const [what = ''] = (error as Error).message.split(/\.\s/, 1);
    throw usageError(`${what.replace(/^./, (first) => first.toLowerCase())}; see errand ${command} --help`);
  }
}

function readPort(text: string): number {
  if (/^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw usageError(`PORT must be a number from 0 to 65535, where 0 takes any free port; got ${show(text)}`);
}

function readLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level !== undefined) return level;
  throw usageError(`LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}; got ${show(text)}`);
}

function readBackend(text: string): BackendSetting {
  const own = OWN_BACKENDS.find((known) => known === text);
  if (own !== undefined) return own;
  if (FleetUrl.isOne(text)) return new FleetUrl(text);
  // What comes after the scheme may hold a password.
  const [scheme = ''] = text.split(':', 1);
  throw usageError(
    `ERRAND_BACKEND must be sqlite, memory, or a URL that begins with redis://, rediss://, postgres:// or postgresql://; got ${show(scheme)}`,
  );
}
