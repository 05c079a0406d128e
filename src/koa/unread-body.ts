import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../ports/clock.js';

/** A rest of a body that is shorter than this is read and thrown away, so that the connection can go on. In bytes. */
const MAX_DRAINED_BYTES = 65_536;
/** How long the rest may take then, in milliseconds. */
const DRAIN_MS = 30_000;
/** How long a connection stays half open after an answer that ends it, in milliseconds. */
const LINGER_MS = 5_000;

/**
 * Sees to what is left of a request's body once its answer is settled: call it before the headers are sent. A short rest
 * is thrown away as it comes. Where the rest is long, or nobody knows how long, the answer ends the connection: nobody
 * reads what is not wanted, only as long as it takes the client to see the answer.
 */
export function leaveBody(req: IncomingMessage, res: ServerResponse, clock: Clock): void {
  if (req.httpVersionMajor > 1) return; // a stream of its own, which ends with the answer
  const bytes = bodyBytes(req);
  if (!req.complete && bytes > 0) {
    if (bytes > MAX_DRAINED_BYTES || res.getHeader('Connection') === 'close') endAfterAnswer(req, res, clock);
    else destroyUnlessRead(req, clock);
  }
  req.unpipe();
  req.resume();
}

/** How long the whole body is; `Infinity` where nobody knows. */
function bodyBytes({ headers }: IncomingMessage): number {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Infinity;
}

/**
 * Ends the connection with the answer, in two steps. A connection that is closed while its client still sends is reset,
 * and the client may lose an answer that it has not read yet: so only our own side is closed first.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-9.6
 */
export function endAfterAnswer(req: IncomingMessage, res: ServerResponse, clock: Clock): void {
  const { socket } = req;
  res.setHeader('Connection', 'close');
  // What Node calls once such an answer is written.
  socket.destroySoon = () => {
    const close = (): void => void socket.destroy();
    const timer = clock.after(LINGER_MS, close);
    timer.unref();
    socket.once('close', () => timer.cancel());
    socket.end(() => {
      if (req.complete) close();
      else req.once('end', close);
    });
  };
}

function destroyUnlessRead(req: IncomingMessage, clock: Clock): void {
  const timer = clock.after(DRAIN_MS, () => void req.socket.destroy());
  timer.unref();
  req.once('close', () => timer.cancel());
}
