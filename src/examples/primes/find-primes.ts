import { z } from 'zod';
import { defineTask } from 'errand';
import { threadModule } from 'errand/thread';
import type * as work from './find-primes-work.js';

/** Keeps one core busy for as long as it takes: in a thread, so that the server goes on answering. */
export const findPrimes = defineTask({
  name: 'find-primes',
  input: z.strictObject({
    from: z.int().min(0).max(1e15).default(2),
    count: z.int().min(1).max(1e9).default(1_000),
  }),
  executor: 'thread',
  module: threadModule<typeof work>(new URL('./find-primes-work.js', import.meta.url)),
});
