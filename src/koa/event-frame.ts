import type { StreamEventName } from '../http-api/run-event-resource.js';

/** One server-sent event. Its data is JSON on one line. */
export function toFrame(name: StreamEventName, json: string, id?: number | string): string {
  const head = id === undefined ? '' : `id: ${id}\n`;
  return `${head}event: ${name}\ndata: ${json}\n\n`;
}

/** How long a client waits before it connects again, in milliseconds. */
export const RETRY_FRAME = 'retry: 2000\n\n';
/** Keeps proxies from taking a quiet stream for a dead one. */
export const PING_FRAME = ': ping\n\n';
