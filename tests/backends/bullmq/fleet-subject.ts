import assert from 'node:assert/strict';
import { BullmqBackend } from '../../../src/backends/bullmq/bullmq-backend.js';
import { type BullmqOptions, checkBullmqOptions } from '../../../src/backends/bullmq/bullmq-options.js';
import { serverFor } from '../../../src/backends/bullmq/server/connect.js';
import { FleetLease } from '../../../src/backends/bullmq/delivering/fleet-lease.js';
import type { ContractSubject } from '../../../src/testing/contract/stage.js';
import { TcpProxy } from '../../servers/tcp-proxy.js';
import { type FleetGround, newPrefix } from './fleet-ground.js';
import { WaitingClock } from './waiting-clock.js';

/**
 * Short enough that a process which was killed is missed within seconds, and long enough that
 * a busy machine renews its locks; the deadline of calls is one that it does not miss, as connections that a test cuts fail
 * at once.
 */
const SHORT = { lockMs: 1_200, stalledCheckMs: 200, callTimeoutMs: 10_000 };

/** A backend on a prefix of its own, by way of a proxy that can cut it off: what a killed process looks like. */
export async function fleetSubject(ground: FleetGround): Promise<ContractSubject> {
  const prefix = newPrefix();
  const proxies: TcpProxy[] = [];
  const clock = new WaitingClock();
  const make = async (): Promise<BullmqBackend> => {
    const proxy = await TcpProxy.to(ground.url);
    proxies.push(proxy);
    return backendOn({ connection: proxy.urlOf(ground.url), prefix });
  };
  return {
    backend: await make(),
    clock,
    reopen: async () => {
      proxies.at(-1)?.drop();
      // No process is there as soon as another has died: what each accepts is in order as their clocks are.
      await clock.run(1);
      return make();
    },
    lose: (lease) => {
      assert(lease instanceof FleetLease);
      return ground.breakLock(prefix, lease.delivery);
    },
    dispose: async () => {
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await ground.remove(prefix);
    },
  };
}

/** A backend that is not open, with short times unless others are given, so that a test need not wait for long. */
export function backendOn(options: BullmqOptions): BullmqBackend {
  const settings = checkBullmqOptions({ ...SHORT, ...options });
  return new BullmqBackend(settings, ({ logger }) => serverFor(settings, logger));
}
