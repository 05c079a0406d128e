import { isIPv6 } from 'node:net';
import type { AnyTask } from '../task/task.js';

/** What {@link welcome} speaks of. */
export interface Welcome {
  readonly address: string;
  readonly port: number;
  readonly tasks: readonly AnyTask[];
  /** Where runs live. */
  readonly place: string;
  /** Why they cannot be reached yet; null where they can. */
  readonly trouble: string | null;
  /** Whether runs are handled here. */
  readonly work: boolean;
  /** Whether the examples are among the tasks. */
  readonly examples: boolean;
}

/** What is printed once the server listens: where, which tasks, and three commands that work as they stand. */
export function welcome({ address, port, tasks, place, trouble, work, examples }: Welcome): string {
  const url = urlOf(reachable(address), port);
  return [
    `Errand listens on ${urlOf(address, port)}`,
    ...facts({ tasks, place, trouble }),
    ...(work ? [] : ['Work: none here (--no-work); other processes handle what is started']),
    '',
    'Try, in another terminal:',
    ...(examples ? tour(url) : looks(url)).map((command) => `  ${command}`),
    '',
    'Press Ctrl+C to stop.',
    '',
  ].join('\n');
}

/** What a worker prints once it has begun. */
export function workerWelcome({
  address,
  port,
  queues,
  ...what
}: Omit<Welcome, 'work' | 'examples'> & { readonly queues: readonly string[] | undefined }): string {
  return [
    `Errand works; its health endpoint listens on ${urlOf(address, port)}`,
    ...facts(what),
    `Queues: ${queues === undefined ? 'all' : queues.join(', ')}`,
    '',
    'Press Ctrl+C to stop.',
    '',
  ].join('\n');
}

function facts({ tasks, place, trouble }: Pick<Welcome, 'tasks' | 'place' | 'trouble'>): readonly string[] {
  const names = tasks.map(({ name }) => name).sort();
  const waiting = trouble === null ? [] : [`Waiting, for they cannot be reached yet: ${trouble}`];
  return [`Tasks: ${names.join(', ')}`, `Runs: ${place}`, ...waiting];
}

/** Start, watch, cancel. */
function tour(url: string): readonly string[] {
  const body = '{ "task": "slow-report", "id": "report", "input": { "steps": 120 } }';
  return [
    `curl ${url}/process -H 'Content-Type: application/json' -d '${body}'`,
    `curl -N ${url}/process/report/events`,
    `curl -X DELETE ${url}/process/report`,
  ];
}

/** Nobody knows what tasks of a user's own do, so none is started. */
function looks(url: string): readonly string[] {
  return [`curl ${url}/readyz`, `curl ${url}/process`, `curl -N ${url}/process -H 'Accept: text/event-stream'`];
}

function urlOf(address: string, port: number): string {
  return `http://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

/** All addresses of this computer are none that a client can go to. */
function reachable(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  return address === '::' ? '::1' : address;
}
