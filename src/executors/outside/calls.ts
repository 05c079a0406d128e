import type { ThreadHandler } from '../../task/thread-module.js';
import type { CallAbort, CallEnd, CallNews, CallRequest } from './call.js';
import { CalledHandler } from './called-handler.js';
import { type Carried, pack } from './carried-error.js';

type Handler = ThreadHandler<unknown, unknown>;

/** The handler of a module, or why there is none. */
type Found = { readonly handler: Handler } | { readonly end: CallEnd };

/** How many aborts are kept whose calls have not come: no executor has more threads. */
const MOST_EARLY = 1_024;

/** The handlers that are at work in this thread or process. */
export class Calls {
  readonly #handlers = new Map<string, Handler>();
  readonly #atWork = new Map<number, CalledHandler>();
  /** An abort may overtake its call, which comes another way; others are of calls in other threads. */
  readonly #early = new Map<number, Carried>();

  /** Calls the handler of a module. Never rejects. */
  async call(request: CallRequest, say: (news: CallNews) => void): Promise<CallEnd> {
    const called = new CalledHandler(request, say);
    this.#atWork.set(request.call, called);
    const early = this.#early.get(request.call);
    if (early !== undefined) called.abort(early);
    try {
      const handler = this.#handlers.get(request.href);
      const found = handler === undefined ? await this.#find(request.href) : { handler };
      if ('end' in found) return found.end;
      called.throwIfAborted();
      return { type: 'returned', value: await found.handler(request.input, called.context) };
    } catch (error) {
      return { type: 'threw', thrown: pack(error) };
    } finally {
      called.end();
      this.#atWork.delete(request.call);
    }
  }

  /** Aborts the signal of a handler, if it is at work here. */
  abort({ abort, reason }: CallAbort): void {
    const called = this.#atWork.get(abort);
    if (called === undefined) this.#keep(abort, reason);
    else called.abort(reason);
  }

  #keep(call: number, reason: Carried): void {
    this.#early.set(call, reason);
    const [oldest = call] = this.#early.keys();
    if (this.#early.size > MOST_EARLY) this.#early.delete(oldest);
  }

  async #find(href: string): Promise<Found> {
    let loaded: unknown;
    try {
      loaded = await import(href);
    } catch (error) {
      return { end: { type: 'no handler', why: 'it cannot be loaded', thrown: pack(error) } };
    }
    const handler = handlerOf(loaded);
    if (handler === undefined)
      return { end: { type: 'no handler', why: 'it exports no function as default or handler', thrown: undefined } };
    this.#handlers.set(href, handler);
    return { handler };
  }
}

/** A CommonJS module's exports are its default. */
function handlerOf(loaded: unknown): Handler | undefined {
  const main = memberOf(loaded, 'default');
  const found = [main, memberOf(main, 'default'), memberOf(loaded, 'handler'), memberOf(main, 'handler')];
  return found.find((each): each is Handler => typeof each === 'function');
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
