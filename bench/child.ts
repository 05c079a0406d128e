import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** What goes into a child: its file in `children/`, without `.js`, and its arguments. */
export type ChildArguments = readonly [file: string, ...args: (string | number)[]];

function start([file, ...args]: ChildArguments): ChildProcess {
  const path = new URL(`./children/${file}.js`, import.meta.url).pathname;
  const options = ['--expose-gc', '--disable-warning=ExperimentalWarning'];
  return spawn(process.execPath, [...options, path, ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('a child without output');
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('a child ended without a result');
}

/** Runs a child to its end. @returns what it printed, as JSON, on its only line. */
export async function runChild<T extends object>(...args: ChildArguments): Promise<T> {
  const child = start(args);
  const line = await firstLine(child);
  if (child.exitCode === null) await once(child, 'exit');
  // The children are ours: each says what it prints.
  return JSON.parse(line) as T;
}

/** A child that serves HTTP until it is stopped. */
export interface ServerChild {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a child that prints where it listens. */
export async function startServer(...args: ChildArguments): Promise<ServerChild> {
  const child = start(args);
  const { url } = JSON.parse(await firstLine(child)) as { url: string };
  return {
    url,
    stop: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
