import type { ThreadContext } from 'errand/thread';

/** Computes for ever, and never looks at its signal. */
export function handler(_input: number, ctx: ThreadContext): never {
  ctx.progress(1);
  for (;;);
}
