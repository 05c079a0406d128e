import { checkBullmqOptions } from '../../../src/backends/bullmq/bullmq-options.js';
import { serverFor } from '../../../src/backends/bullmq/server/connect.js';
import type { FleetServer } from '../../../src/backends/bullmq/server/fleet-server.js';
import type { Retention } from '../../../src/ports/backend.js';
import { systemClock } from '../../../src/timing/system-clock.js';
import { TcpProxy } from '../../servers/tcp-proxy.js';
import { type FleetGround, newPrefix } from './fleet-ground.js';
import { Member } from './fleet-member.js';
import { backendOn } from './fleet-subject.js';

const HOUR = 3_600_000;
const MANY = 10_000;
const PLENTY: Retention = {
  ...{ keepResultMs: HOUR, maxFinished: MANY, keepFailedMs: HOUR, maxFailed: MANY, keepKeyMs: HOUR, maxKeys: MANY },
};

/** What a process of a fleet may be opened with. */
export interface MemberOptions {
  readonly queueLimit?: number;
  readonly retention?: Partial<Retention>;
  readonly lockMs?: number;
}

/** Processes that share a prefix, which nothing else uses. */
export class Fleet {
  readonly ground: FleetGround;
  readonly prefix = newPrefix();
  readonly #members: Member[] = [];
  #server: FleetServer | undefined;

  constructor(ground: FleetGround) {
    this.ground = ground;
  }

  /** One more process, open. It reaches the server by way of a proxy of its own. */
  async join({ queueLimit = MANY, retention, ...times }: MemberOptions = {}): Promise<Member> {
    const { url } = this.ground;
    const proxy = await TcpProxy.to(url);
    const member = new Member(backendOn({ connection: proxy.urlOf(url), prefix: this.prefix, ...times }), proxy);
    this.#members.push(member);
    const kept = { queueLimit, retention: { ...PLENTY, ...retention } };
    await member.open({ clock: systemClock, logger: undefined, ...kept });
    return member;
  }

  /** The server, to look at what the processes keep there. */
  async server(): Promise<FleetServer> {
    if (this.#server === undefined) {
      const settings = checkBullmqOptions({ connection: this.ground.url, prefix: this.prefix });
      this.#server = serverFor(settings, undefined);
      await this.#server.open();
    }
    return this.#server;
  }

  /** Closes the processes, and removes what they leave. */
  async close(): Promise<void> {
    // What is kept back would be waited for.
    for (const { proxy } of this.#members) proxy.restore();
    for (const { backend } of this.#members) await backend.close();
    await Promise.all(this.#members.map(({ proxy }) => proxy.close()));
    await this.#server?.close();
    await this.ground.remove(this.prefix);
  }
}

/** A fleet of two processes, as long as `act` takes. */
export async function withFleet(
  ground: FleetGround,
  options: MemberOptions,
  act: (...members: [Member, Member]) => Promise<void>,
): Promise<void> {
  const fleet = new Fleet(ground);
  try {
    await act(await fleet.join(options), await fleet.join(options));
  } finally {
    await fleet.close();
  }
}
