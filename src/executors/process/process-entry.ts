import { Worker } from 'node:worker_threads';
import type { CallAbort, CallRequest } from '../outside/call.js';
import { Calls } from '../outside/calls.js';
import type { ProcessNews, ProcessSaid } from './process-call.js';

/** The parent holds the other end of this pipe. */
const PARENT_FD = 4;

const calls = new Calls();
// Taken before any module of the user's is loaded.
const send = process.send?.bind(process);

process.on('message', (said: CallAbort | CallRequest) => {
  if ('abort' in said) calls.abort(said);
  else if ('href' in said) void answer(said);
});

dieWithParent();

async function answer(request: CallRequest): Promise<void> {
  const { call } = request;
  const end = await calls.call(request, tell);
  try {
    tell({ call, end });
  } catch (error) {
    tell({ call, end: { type: 'not cloneable', why: error instanceof Error ? error.message : String(error) } });
  }
}

function tell(news: ProcessNews): void {
  // A parent that has gone takes this process with it.
  send?.({ errand: news } satisfies ProcessSaid, undefined, undefined, () => undefined);
}

/**
 * Ends this process when its parent has ended, however that was ended: a loop would never hear of it, so a thread listens
 * to a pipe that the kernel closes.
 */
function dieWithParent(): void {
  const guard = `
    const { Socket } = require('node:net');
    const end = () => process.kill(process.pid, 'SIGKILL');
    new Socket({ fd: ${PARENT_FD} }).on('error', end).on('close', end).resume();
  `;
  new Worker(guard, { eval: true, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 8 } }).unref();
}
