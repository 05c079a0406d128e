import { lookup } from 'node:dns/promises';
import { BlockList, isIPv6 } from 'node:net';
import { show } from '../task/checks.js';
import { failure, usageError } from './command-error.js';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * The address to listen on. It is the address that is judged, not its name, because names lie and addresses have many
 * spellings.
 *
 * @throws {CommandError} 2 when other computers could reach it and `insecure` is not given; 1 when it is none.
 */
export async function resolveHost(host: string, { insecure }: { readonly insecure: boolean }): Promise<string> {
  const address = await addressOf(host);
  if (insecure || isLoopback(address)) return address;
  throw usageError(
    `HOST ${show(host)} can be reached from other computers, and there is no access control yet: whoever reaches the ` +
      'server may start, see and cancel everything. Leave HOST out to listen on 127.0.0.1, or give --insecure if ' +
      'something in front of the server decides who gets in',
  );
}

/** Whether only this computer can reach the address. */
export function isLoopback(address: string): boolean {
  // IPv4 addresses written as IPv6 are found by their IPv4 rule.
  return loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

async function addressOf(host: string): Promise<string> {
  const name = /^\[.*\]$/.test(host) ? host.slice(1, -1) : host;
  try {
    return (await lookup(name)).address;
  } catch (error) {
    throw failure(`HOST ${show(host)} is no address of this computer, and no name of one`, error);
  }
}
