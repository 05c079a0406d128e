import type { ThreadHandler, ThreadModule } from '../../task/thread-module.js';
import { show } from '../../task/checks.js';
import { processes } from '../process/process-options.js';
import { threads } from './thread-options.js';

/** A module whose `default` export, or `handler`, is a handler. */
export type HandlerModule =
  { readonly default: ThreadHandler<never, unknown> } | { readonly handler: ThreadHandler<never, unknown> };

/** The handler of a module: `default` before `handler`. */
export type HandlerOf<M> = M extends { readonly default: infer H }
  ? H
  : M extends { readonly handler: infer H }
    ? H
    : never;

/** What the handler of a module takes. */
export type InputOf<M> = HandlerOf<M> extends (input: infer I, ...rest: never[]) => unknown ? I : never;

/** What the handler of a module gives in the end. */
export type ResultOf<M> = HandlerOf<M> extends (...args: never[]) => infer R ? Awaited<R> : never;

/** The default executors of modules: one object for all, as they are the same everywhere. */
const EXECUTORS = Object.freeze({ thread: threads(), process: processes() });

/**
 * A module that holds a handler, for `defineTask({ executor: 'thread', module })`. Nothing is loaded here: the module is
 * loaded in the thread, when the first run of the task begins there.
 *
 * ```ts
 * threadModule<typeof import('./resize.js')>(new URL('./resize.js', import.meta.url))
 * ```
 *
 * @param url where the JavaScript of the module is: a `file:` URL.
 * @throws {TypeError} when it is no such URL.
 */
export function threadModule<M extends HandlerModule>(url: URL | string): ThreadModule<InputOf<M>, ResultOf<M>> {
  // Not by its class: it may be one of another realm.
  const href = typeof url === 'string' ? url : String((url as URL | undefined)?.href);
  if (!URL.canParse(href) || !href.startsWith('file:')) {
    throw new TypeError(
      `threadModule() takes a file: URL, for example new URL('./resize.js', import.meta.url); got ${show(url)}`,
    );
  }
  return Object.freeze({ href, executors: EXECUTORS });
}
