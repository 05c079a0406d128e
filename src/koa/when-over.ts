import type { IncomingMessage, ServerResponse } from 'node:http';

/** What is to be called when a connection has closed. */
const waiting = new WeakMap<object, Set<() => void>>();

/**
 * Resolves when the last of the response was handed to the system, or the connection has closed before. Node does not tell
 * a response that still waits for its turn on its connection (pipelining) that this has closed.
 */
export function whenOver(req: IncomingMessage, res: ServerResponse): Promise<void> {
  // Whoever has left before is not announced again.
  if (isOver(res) || req.socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const callbacks = callbacksOf(req.socket);
    const over = (): void => {
      callbacks.delete(over);
      res.off('finish', over).off('close', over);
      resolve();
    };
    callbacks.add(over);
    res.once('finish', over).once('close', over);
  });
}

/** Whether nothing more of the response will be sent. */
export function isOver(res: ServerResponse): boolean {
  return res.writableFinished || res.destroyed;
}

/** One listener for a connection, however many responses wait on it. */
function callbacksOf(socket: IncomingMessage['socket']): Set<() => void> {
  const known = waiting.get(socket);
  if (known !== undefined) return known;
  const callbacks = new Set<() => void>();
  waiting.set(socket, callbacks);
  socket.once('close', () => {
    for (const over of [...callbacks]) over();
  });
  return callbacks;
}
