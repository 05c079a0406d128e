import { describe, expect, it } from '@jest/globals';
import { isLoopback, resolveHost } from '../../src/cli/resolve-host.js';

describe('the host to listen on', () => {
  it.each(['127.0.0.1', '127.8.9.10', '::1', '[::1]', 'localhost', '127.1'])(
    'may be %s, which only this computer can reach',
    async (host) => {
      expect(isLoopback(await resolveHost(host, { insecure: false }))).toBe(true);
    },
  );

  it.each(['0.0.0.0', '0', '::', '10.0.0.1', '2130706434.0', '::ffff:10.0.0.1'])(
    'is refused when it is %s, which is open to others or nothing at all',
    async (host) => {
      await expect(resolveHost(host, { insecure: false })).rejects.toMatchObject({ name: 'CommandError' });
    },
  );

  it('is refused with the reason, and what to do instead', async () => {
    await expect(resolveHost('0.0.0.0', { insecure: false })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/no access control yet.*Leave HOST out.*--insecure/),
    });
  });

  it('may be any other with --insecure', async () => {
    expect(await resolveHost('0.0.0.0', { insecure: true })).toBe('0.0.0.0');
  });

  it('is refused when it is no address and no name', async () => {
    await expect(resolveHost('no such host', { insecure: true })).rejects.toMatchObject({ exitCode: 1 });
  });

  it.each([
    ['127.0.0.1', true],
    ['127.255.255.254', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['128.0.0.1', false],
    ['::', false],
    ['::2', false],
    ['::ffff:10.0.0.1', false],
    ['fe80::1', false],
  ])('%s is one of this computer only: %s', (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });
});
