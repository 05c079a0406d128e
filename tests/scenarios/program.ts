import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach } from '@jest/globals';

/** The top of the repository. */
export const ROOT = join(import.meta.dirname, '../..');

/** What a program is started with. */
export interface ProgramOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program at work. */
export interface Program {
  readonly pid: number;
  /** What it has printed until now. */
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves once it has ended and everything it printed has come. */
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves with the first match in what it prints to stdout; rejects when it ends without one. */
  prints(pattern: RegExp): Promise<string>;
}

/** Starts programs; those that are still at work after a test (or with `afterAll`, after all of them) are killed. */
export function programs(
  after: typeof afterEach = afterEach,
): (command: string, args: readonly string[], options: ProgramOptions) => Program {
  const started: ChildProgram[] = [];
  after(async () => {
    for (const program of started.splice(0)) {
      program.end();
      await program.ended;
    }
  });
  return (command, args, { cwd, env }) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a group of its own, so that what it starts can be ended with it
    });
    const program = new ChildProgram(child);
    started.push(program);
    return program;
  };
}

/** A server at work. */
export interface ServerProgram extends Program {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
}

/** Starts `errand serve` on a free port, with files in `cwd`, and waits until it listens. */
export async function startServer(
  start: ReturnType<typeof programs>,
  args: readonly string[],
  { cwd, env }: ProgramOptions,
): Promise<ServerProgram> {
  const main = join(ROOT, 'dist/cli/main.js');
  const program = start(process.execPath, [main, 'serve', ...args], { cwd, env: { PORT: '0', ...env } });
  return listening(program);
}

/** Waits until a program says where it listens. */
export async function listening(program: Program): Promise<ServerProgram> {
  const url = await program.prints(/listens on (http:\S+)/);
  return Object.assign(program, { url, port: Number(new URL(url).port) });
}

/** Makes a folder a project in which the package of this repository is installed, and others that it brings along. */
export async function linkPackages(folder: string, packages: readonly string[] = []): Promise<void> {
  await mkdir(join(folder, 'node_modules'), { recursive: true });
  await symlink(ROOT, join(folder, 'node_modules/errand'));
  for (const name of packages) {
    await mkdir(join(folder, 'node_modules', name, '..'), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
}

class ChildProgram implements Program {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #listeners = new Set<() => void>();
  #over = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? -1;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString();
      this.#wake();
    });
    child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        this.#over = true;
        this.#wake();
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it and whatever it has started, also what has outlived it. */
  end(): void {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // All of them have ended.
    }
  }

  prints(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.stdout);
        if (match === null && !this.#over) return;
        this.#listeners.delete(look);
        if (match !== null) resolve(match[1] ?? match[0]);
        else reject(new Error(`it ended and never printed ${pattern.source}: ${this.stdout}${this.stderr}`));
      };
      this.#listeners.add(look);
      look();
    });
  }

  #wake(): void {
    for (const look of this.#listeners) look();
  }
}

/** What the examples are set up with. */
const EXAMPLES = ['SMTP_URL', 'MAIL_FROM', 'WEBHOOK_SECRETS', 'ERRAND_WEBHOOK_ALLOW'];

/** What would make a program behave other than for a user: the options of the test's own process, and our settings. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const ours = ['HOST', 'PORT', 'ERRAND_DATA', 'ERRAND_BACKEND', 'LOG_LEVEL', 'NODE_OPTIONS', ...EXAMPLES];
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.includes(name)));
}
