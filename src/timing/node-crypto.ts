import type Crypto from 'node:crypto';

/** Node's `crypto`, which is loaded when it is first needed: it takes a sixth of the time that importing the core takes. */
export function nodeCrypto(): typeof Crypto {
  return process.getBuiltinModule('node:crypto');
}
