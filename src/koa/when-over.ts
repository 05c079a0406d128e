import type { IncomingMessage, ServerResponse } from 'node:http';

/** What is to be called when a connection has closed. */
const waiting = new WeakMap<object, Set<() => void>>();

/** Takes back what was asked for. */
type LetGo = () => void;

/** Resolves when the response is over: see {@link onOver}. */
export function whenOver(req: IncomingMessage, res: ServerResponse): Promise<void> {
  return new Promise((resolve) => onOver(req, res, resolve));
}

/**
 * Calls back once, when the last of the response was handed to the system, or the connection has closed before; at once
 * where that has happened. Node does not tell a response that still waits for its turn on its connection (pipelining) that
 * this has closed.
 */
export function onOver(req: IncomingMessage, res: ServerResponse, callback: () => void): LetGo {
  // Whoever has left before is not announced again.
  if (isOver(res) || req.socket.destroyed) {
    callback();
    return nothing;
  }
  const callbacks = callbacksOf(req.socket);
  const letGo = (): void => {
    callbacks.delete(over);
    res.off('finish', over).off('close', over);
  };
  const over = (): void => {
    letGo();
    callback();
  };
  callbacks.add(over);
  res.once('finish', over).once('close', over);
  return letGo;
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

function nothing(): void {
  // There is nothing to take back.
}
