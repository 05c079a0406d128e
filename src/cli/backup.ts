import { parseArgs } from 'node:util';
import { CommandError, usageError } from './command-error.js';
import { askServer } from './server-request.js';

/**
 * `errand backup`: lets the running server make a copy of what it keeps.
 *
 * @returns what to tell, or `'help'`.
 * @throws {CommandError} exit code 2 when the arguments make no sense; 1 when no copy was made.
 */
export async function backup(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  if (wantsHelp(args)) return 'help';
  const { file, bytes } = await askServer(env, 'POST', 'backup').catch((error: unknown) => {
    throw withoutFile(error);
  });
  return `${String(file)} (${String(bytes)} bytes) is in the folder backups of the server's ERRAND_DATA\n`;
}

function wantsHelp(args: readonly string[]): boolean {
  try {
    const options = { help: { type: 'boolean', short: 'h', default: false } } as const;
    return parseArgs({ args: [...args], options, allowPositionals: false }).values.help;
  } catch {
    throw usageError('errand backup takes no arguments: the server names the file; see errand backup --help');
  }
}

/** A server without the route keeps nothing that could be copied. */
function withoutFile(error: unknown): unknown {
  if (!(error instanceof CommandError) || !error.message.includes(' 404')) return error;
  return new CommandError(1, 'this server makes no backups: its runs are not in a file (ERRAND_BACKEND=sqlite)');
}
