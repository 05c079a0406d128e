import { describeError } from '../task/run-error.js';

/**
 * How a command ends: 1 when it could not do what it was asked, 2 when what it was asked makes no sense (command,
 * options, environment).
 */
export type ExitCode = 1 | 2;

/** Ends the command with one clear message for whoever typed it. The message never holds a secret or a stack. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

/** What was asked makes no sense: exit code 2. */
export function usageError(message: string): CommandError {
  return new CommandError(2, message);
}

/** It was asked for well, but could not be done: exit code 1. */
export function failure(message: string, cause: unknown): CommandError {
  return new CommandError(1, message, { cause });
}

/** The `code` of an error of Node, such as `ENOENT`; empty where there is none. */
export function codeOf(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** What was thrown, whatever it is, on one line. */
export function messageOf(thrown: unknown): string {
  const { name, message } = describeError(thrown, 1);
  return `${name}: ${message}`.replaceAll(/\s*\n\s*/g, ' ');
}
