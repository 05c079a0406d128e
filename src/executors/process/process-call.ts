import type { CallEnd, CallNews } from '../outside/call.js';

/** What a child process says of a call, in this order: news, and at last its end. */
export type ProcessNews = CallNews | { readonly call: number; readonly end: CallEnd };
