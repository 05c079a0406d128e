import { parseArgs } from 'node:util';
import { show } from '../task/checks.js';
import { codeOf, usageError } from './command-error.js';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** How much is logged; `silent` is nothing. */
export type ServeLogLevel = (typeof LOG_LEVELS)[number];

/** What `errand serve` is to do. */
export interface ServeOptions {
  /** Serve ours. */
  readonly examples: boolean;
  /** Modules that export tasks, as they were given. */
  readonly taskModules: readonly string[];
  /** Listen also where other computers can reach the server. */
  readonly insecure: boolean;
  /** A name or an address. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Where files go. */
  readonly dataFolder: string;
  readonly logLevel: ServeLogLevel;
}

const OPTIONS = {
  examples: { type: 'boolean', default: false },
  tasks: { type: 'string', multiple: true, default: [] as string[] },
  insecure: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/**
 * Reads the arguments after `serve`, and the environment; an empty variable counts as none.
 *
 * @throws {CommandError} exit code 2, when one of them makes no sense or there is nothing to serve.
 */
export function readServeOptions(args: readonly string[], env: NodeJS.ProcessEnv): ServeOptions | 'help' {
  const { examples, tasks, insecure, help } = parse(args);
  if (help) return 'help';
  if (!examples && tasks.length === 0) {
    throw usageError('there is nothing to serve: give --tasks ./tasks.js, or --examples to serve ours');
  }
  if (tasks.includes('')) throw usageError('--tasks needs the path of a module, such as ./tasks.js');
  checkBackend(env['ERRAND_BACKEND'] || 'memory');
  return {
    examples,
    taskModules: tasks,
    insecure,
    host: env['HOST'] || '127.0.0.1',
    port: readPort(env['PORT'] || '3000'),
    dataFolder: env['ERRAND_DATA'] || 'data',
    logLevel: readLogLevel(env['LOG_LEVEL'] || 'info'),
  };
}

function parse(args: readonly string[]): { examples: boolean; tasks: string[]; insecure: boolean; help: boolean } {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: false }).values;
  } catch (error) {
    if (!codeOf(error).startsWith('ERR_PARSE_ARGS_')) throw error;
    // What follows the first sentence explains how to pass such a word on, which makes no sense here.
    const [what = ''] = (error as Error).message.split(/\.\s/, 1);
    throw usageError(`${what.replace(/^./, (first) => first.toLowerCase())}; see errand serve --help`);
  }
}

function readPort(text: string): number {
  if (/^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw usageError(`PORT must be a number from 0 to 65535, where 0 takes any free port; got ${show(text)}`);
}

function readLogLevel(text: string): ServeLogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level !== undefined) return level;
  throw usageError(`LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}; got ${show(text)}`);
}

function checkBackend(text: string): void {
  if (text === 'memory') return;
  // What comes after the scheme may hold a password.
  const [scheme = ''] = text.split(':', 1);
  throw usageError(`ERRAND_BACKEND must be memory, the only backend there is; got ${show(scheme)}`);
}
