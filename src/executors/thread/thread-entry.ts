import { MessageChannel, parentPort, workerData } from 'node:worker_threads';
import type { CallAbort } from '../outside/call.js';
import { Calls } from '../outside/calls.js';
import {
  type ThreadAnswer,
  type ThreadHello,
  type ThreadNews,
  type ThreadRequest,
  unpackRequest,
} from './thread-call.js';

const calls = new Calls();
/** For each place, the call that has begun there; below zero, the one that may. */
const begun = new Int32Array(workerData as SharedArrayBuffer);

const { port1: line, port2: other } = new MessageChannel();
line.on('message', (said: CallAbort) => calls.abort(said));
line.unref();
parentPort?.postMessage({ errandLine: other } satisfies ThreadHello, [other]);

/** What the pool calls: one handler at a time. */
export async function call(packed: ThreadRequest): Promise<ThreadAnswer> {
  const request = unpackRequest(packed);
  // The pool may hand on what was given up long ago.
  if (Atomics.compareExchange(begun, packed[0], -request.call, request.call) !== -request.call) return [0];
  let said = 0;
  const say = (news: ThreadNews): void => {
    line.postMessage(news);
    said += 1;
  };
  const end = await calls.call(request, say);
  if (end.type !== 'returned') return [said, 'end', end];
  if (isSmall(end.value)) return [said, 'value', end.value];
  try {
    say({ call: request.call, end });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [said, 'end', { type: 'not cloneable', why }];
  }
  return [said];
}

/** The pool would take the thread down with a value that cannot be cloned: only what surely can is its answer. */
function isSmall(value: unknown): boolean {
  return !['object', 'function', 'symbol'].includes(typeof value) || value === null;
}
