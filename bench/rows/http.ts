import { type ChildArguments, runChild, startServer, type ServerChild } from '../child.js';
import type { Measuring, Row, Side } from '../row.js';

/** What `children/http-load.ts` prints. */
interface Load {
  readonly perSecond: number;
  readonly p99: number;
}

type Request = 'start' | 'read';

/** What serves on each side. */
type Children = Readonly<Record<Side, ChildArguments>>;

const BARE: Children = { ours: ['http-ours'], peer: ['http-peer'] };

/** Both servers, each in a process of its own; idle ones cost nothing. Opened by the first row that asks, warmed up. */
class Servers {
  readonly #children: Children;
  readonly #servers: Partial<Record<Side, ServerChild>> = {};

  constructor(children: Children) {
    this.#children = children;
  }

  async open({ quick }: Measuring): Promise<void> {
    for (const side of ['ours', 'peer'] as const) {
      this.#servers[side] = await startServer(...this.#children[side]);
      for (const request of ['start', 'read'] as const) await this.load(side, request, quick ? 1 : 4);
    }
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#servers).map((server) => server.stop()));
  }

  load(side: Side, request: Request, seconds: number): Promise<Load> {
    const server = this.#servers[side];
    if (server === undefined) throw new Error('the servers are not open');
    return runChild<Load>('http-load', server.url, side === 'ours' ? request : 'start', seconds);
  }
}

type HttpRow = Pick<Row, 'name' | 'title' | 'unit'> & Partial<Pick<Row, 'target'>>;

/**
 * 20 connections of one client process ask as fast as they are answered, for 5 s at a time, ours and the peer in turn.
 * Ours: `taskRoutes` with a task that does nothing, validated by zod. The peer: a bare Koa with router, bodyparser and
 * zod that answers with what it was sent. Each row has fresh servers, warmed up for 4 s with each request.
 */
export function httpRow(row: HttpRow, request: Request, what: keyof Load, children = BARE): Row {
  const servers = new Servers(children);
  return {
    ...row,
    pairs: 5,
    peer: true,
    open: (measuring) => servers.open(measuring),
    close: () => servers.close(),
    measure: async (side, { quick }) => (await servers.load(side, request, quick ? 1 : 5))[what],
  };
}

export const httpRows: readonly Row[] = [
  httpRow(
    { name: 'http-start', title: 'POST /process vs bare echo', unit: 'req/s', target: { of: 'ratio', least: 0.9 } },
    'start',
    'perSecond',
  ),
  // What of the difference is the length of the answer, and what the run.
  httpRow(
    { name: 'http-start-full', title: 'POST /process vs an echo that answers as much', unit: 'req/s' },
    'start',
    'perSecond',
    { ours: ['http-ours'], peer: ['http-peer-full'] },
  ),
  httpRow(
    { name: 'http-p99', title: 'POST /process vs bare echo, p99', unit: 'ms', target: { of: 'ratio', most: 1.5 } },
    'start',
    'p99',
  ),
  httpRow(
    {
      name: 'http-read',
      title: 'GET /process/{id} vs bare echo (POST)',
      unit: 'req/s',
      target: { of: 'ratio', least: 1 },
    },
    'read',
    'perSecond',
  ),
];
