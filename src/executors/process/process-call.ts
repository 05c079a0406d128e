import type { CallEnd, CallNews } from '../outside/call.js';

/** What a child process says of a call, in this order: news, and at last its end. */
export type ProcessNews = CallNews | { readonly call: number; readonly end: CallEnd };

/** How it says that: handlers may send whatever they like to their parent, too. */
export interface ProcessSaid {
  readonly errand: ProcessNews;
}

export function isOurs(said: unknown): said is ProcessSaid {
  return typeof said === 'object' && said !== null && 'errand' in said;
}
