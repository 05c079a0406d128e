import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { accessSync, chownSync, constants, readdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';

/** How a server program is run. */
export interface ServerCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** Whom it is run as, where it must not be root. */
  readonly user?: UserIds | undefined;
  /** Whether it can be talked to. */
  readonly isUp: () => Promise<boolean>;
}

/** A user of this machine. */
export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/** A server program that runs for a test, and ends with this process at the latest. */
export class ChildServer {
  readonly #command: ServerCommand;
  #child: ChildProcess | undefined;
  #log = '';
  readonly #killAtExit = (): void => void this.#child?.kill('SIGKILL');

  constructor(command: ServerCommand) {
    this.#command = command;
  }

  /** Whether it was started, and has not ended since. */
  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when it can be talked to. */
  async start(): Promise<void> {
    const { program, args, user, isUp } = this.#command;
    this.#log = '';
    const child = spawn(program, [...args], { ...user, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    process.once('exit', this.#killAtExit);
    for (const output of [child.stdout, child.stderr])
      output.on('data', (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-4_000)));
    const failed = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`${program} ended with ${String(code)}:\n${this.#log}`)));
    });
    failed.catch(() => undefined); // it may also end much later, when it is told to
    try {
      await Promise.race([failed, whenUp(isUp, program)]);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** As `kill -9` does. Resolves when it is gone. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Lets it put its data away. Resolves when it is gone. */
  stop(): Promise<void> {
    return this.#end('SIGINT');
  }

  /** It answers nothing, and keeps its connections, until `thaw`. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    process.off('exit', this.#killAtExit);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    child.kill('SIGCONT'); // a frozen one would never hear of it
    await gone;
  }
}

async function whenUp(isUp: () => Promise<boolean>, program: string): Promise<void> {
  const begunAt = performance.now();
  while (!(await isUp())) {
    if (performance.now() - begunAt > 20_000) throw new Error(`${program} did not come up within 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A port of the loopback interface that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Where a program is: in `folders`, or on the PATH. */
export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  const everywhere = [...folders, ...(process.env['PATH'] ?? '').split(delimiter)];
  return everywhere.map((folder) => join(folder, name)).find(isExecutable);
}

/** The folders of all PostgreSQLs that Debian has installed, the newest first. */
export function postgresFolders(): string[] {
  const home = '/usr/lib/postgresql';
  try {
    const versions = readdirSync(home).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(home, version, 'bin'));
  } catch {
    return []; // none is installed that way
  }
}

/** Somebody who is not root, and owns `folder` from now on; undefined where we are not root either. */
export function someoneElse(folder: string): UserIds | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const uid = idOf(name, '-u');
    const gid = idOf(name, '-g');
    if (uid === undefined || gid === undefined) continue;
    chownSync(folder, uid, gid);
    return { uid, gid };
  }
  return undefined;
}

function idOf(name: string, which: '-u' | '-g'): number | undefined {
  try {
    return Number(execFileSync('id', [which, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return undefined; // there is no such user
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
