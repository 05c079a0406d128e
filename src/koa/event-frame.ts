import type { StreamEventName } from '../http-api/run-event-resource.js';

/** One server-sent event. Its data goes on one line, as JSON has no line breaks of its own. */
export function toFrame(name: StreamEventName, data: object, id?: number | string): string {
  const head = id === undefined ? '' : `id: ${id}\n`;
  return `${head}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** How long a client waits before it connects again, in milliseconds. */
export const RETRY_FRAME = 'retry: 2000\n\n';
/** Keeps proxies from taking a quiet stream for a dead one. */
export const PING_FRAME = ': ping\n\n';
