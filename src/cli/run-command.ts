import { readFile } from 'node:fs/promises';
import { backup } from './backup.js';
import { CommandError, usageError } from './command-error.js';
import { endProcess } from './end-process.js';
import { BACKUP_HELP, HELP, SERVE_HELP, WORKER_HELP } from './help.js';
import { serve } from './serve.js';
import { readServeOptions } from './serve-options.js';
import { worker } from './worker.js';
import { readWorkerOptions } from './worker-options.js';

/** What a command is given of its process. */
export type CommandProcess = Pick<NodeJS.Process, 'env' | 'stdout' | 'stderr' | 'on' | 'exit' | 'exitCode'>;

/**
 * Runs the command that the arguments name. What goes wrong is told on stderr and by the exit code; it rejects only with
 * what is a mistake of ours.
 */
export async function runCommand(args: readonly string[], process: CommandProcess): Promise<void> {
  // Whoever reads the output may leave, as `head` does; the work goes on.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  try {
    await dispatch(args, process);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    process.stderr.write(`errand: ${error.message}\n`);
    endProcess(process, error.exitCode);
  }
}

async function dispatch([command, ...rest]: readonly string[], process: CommandProcess): Promise<void> {
  if (command === undefined)
    throw usageError('say what to do, for example errand serve --tasks ./tasks.js; see errand --help');
  if (command === '--help' || command === '-h') process.stdout.write(HELP);
  else if (command === '--version' || command === '-v') process.stdout.write(`${await readVersion()}\n`);
  else if (command === 'serve') await runServe(rest, process);
  else if (command === 'worker') await runWorker(rest, process);
  else if (command === 'backup') await runBackup(rest, process);
  else throw usageError(`${describe(command)}; see errand --help`);
}

async function runServe(args: readonly string[], process: CommandProcess): Promise<void> {
  const options = readServeOptions(args, process.env);
  if (options === 'help') process.stdout.write(SERVE_HELP);
  else await serve(options, process);
}

async function runWorker(args: readonly string[], process: CommandProcess): Promise<void> {
  const options = readWorkerOptions(args, process.env);
  if (options === 'help') process.stdout.write(WORKER_HELP);
  else await worker(options, process);
}

async function runBackup(args: readonly string[], process: CommandProcess): Promise<void> {
  const told = await backup(args, process.env);
  process.stdout.write(told === 'help' ? BACKUP_HELP : told);
}

function describe(command: string): string {
  const shown = JSON.stringify(command.slice(0, 60));
  return command.startsWith('-')
    ? `there is no option ${shown}`
    : `there is no command ${shown}; the commands are serve, worker and backup`;
}

async function readVersion(): Promise<string> {
  const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
