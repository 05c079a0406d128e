import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { Logger } from '../../ports/logger.js';
import type { CallAbort, CallEnd, CallNews, CallRequest } from '../outside/call.js';
import type { Carried } from '../outside/carried-error.js';
import { lost, notCloneable } from '../outside/lost.js';
import type { Crew } from '../outside/outside-executor.js';
import {
  endOf,
  isHello,
  packRequest,
  type ThreadAnswer,
  ThreadCall,
  type ThreadNews,
  type ThreadRequest,
} from './thread-call.js';
import type { ThreadSettings } from './thread-settings.js';

/** How often a call is handed to a thread at most that no thread has begun: where none can be made, none ever will. */
const MOST_TRIES = 3;

/**
 * Threads, by piscina. The pool says neither which thread a call is in nor when one that it ends has ended: so each thread
 * opens a line of its own, aborts are told to all of them, and an ended thread is found by who is missing afterwards.
 */
export class ThreadCrew implements Crew {
  readonly #settings: ThreadSettings;
  readonly #logger: Logger | undefined;
  readonly #calls = new Map<number, ThreadCall>();
  readonly #lines = new Set<MessagePort>();
  readonly #free: number[];
  readonly #begun: Int32Array;
  #pool: Piscina | undefined;
  #opening: Promise<Piscina> | undefined;
  #closed = false;

  constructor(settings: ThreadSettings, logger: Logger | undefined) {
    this.#settings = settings;
    this.#logger = logger;
    this.#free = Array.from({ length: settings.maxThreads }, (_, at) => at);
    this.#begun = new Int32Array(new SharedArrayBuffer(4 * settings.maxThreads));
  }

  async call(request: CallRequest, hear: (news: CallNews) => void): Promise<CallEnd> {
    const place = this.#free.pop();
    if (place === undefined) throw lost('thread', 'was not there: more handlers were called than there are threads');
    const call = new ThreadCall(place, hear);
    this.#calls.set(request.call, call);
    Atomics.store(this.#begun, place, -request.call);
    try {
      const pool = this.#pool ?? (await (this.#opening ??= this.#open()));
      if (this.#closed || call.gone !== undefined) throw lost('thread', 'was not begun');
      const answer = await this.#answer(pool, request, call);
      // The pool's answer may have overtaken what was said before it.
      if (call.heard < answer[0]) for (const line of this.#lines) this.#drain(line);
      const end = endOf(answer) ?? call.end;
      if (end === undefined) throw lost('thread', 'has ended before its result had come');
      return end;
    } finally {
      this.#calls.delete(request.call);
      Atomics.store(this.#begun, place, 0);
      this.#free.push(place);
    }
  }

  abort(call: number, reason: Carried): void {
    const said: CallAbort = { abort: call, reason };
    const aborted = this.#calls.get(call);
    if (aborted !== undefined) aborted.abort = said;
    for (const line of this.#lines) line.postMessage(said);
  }

  stop(number: number): void {
    const call = this.#calls.get(number);
    if (call === undefined || call.gone !== undefined) return;
    call.gone = Promise.resolve();
    const before = this.#pool?.threads ?? [];
    call.kill();
    const left = new Set(this.#pool?.threads);
    const ended = before.find((thread) => !left.has(thread));
    // Not by `once`: that rejects where the thread fails before it exits.
    if (ended !== undefined) call.gone = new Promise<void>((resolve) => ended.once('exit', () => resolve()));
  }

  async close(): Promise<void> {
    this.#closed = true;
    const pool = await this.#opening?.catch(() => undefined);
    const threads = pool?.threads ?? [];
    for (const call of this.#calls.values()) call.kill();
    // Not by the pool's `destroy`: it rejects what it could not hand on, which nobody has heard of.
    await Promise.all(threads.map((thread) => thread.terminate()));
  }

  async #open(): Promise<Piscina> {
    const { Piscina: Pool } = await import('piscina');
    const { entry, maxThreads, idleMs, resourceLimits, execArgv, env } = this.#settings;
    const pool = new Pool({
      filename: entry(),
      name: 'call',
      minThreads: 0,
      maxThreads,
      idleTimeout: idleMs,
      // Waiting in `Atomics.wait` between calls would hold up connections and timers that modules keep.
      atomics: 'disabled',
      recordTiming: false,
      workerData: this.#begun.buffer,
      ...(resourceLimits && { resourceLimits }),
      ...(execArgv && { execArgv: [...execArgv] }),
      ...(env && { env: { ...env } }),
    });
    pool.on('message', (said: unknown) => {
      if (isHello(said)) this.#listen(said.errandLine);
    });
    pool.on('error', (error: unknown) => this.#threadFailed(error));
    // It makes none before it is told to: see #hand.
    pool.options.maxThreads = 0;
    return (this.#pool = pool);
  }

  /** A thread that has ended by itself takes calls along that have not begun: another thread is asked. */
  async #answer(pool: Piscina, request: CallRequest, call: ThreadCall): Promise<ThreadAnswer> {
    const { place } = call;
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#hand(pool, packRequest(place, request), call);
      } catch (error) {
        const isFinal = this.#hasBegun(request.call, call) || this.#closed || call.gone !== undefined;
        if (isFinal || call.refused || isCloneError(error) || tries === MOST_TRIES)
          throw await this.#whyItFailed(error, request, call);
      }
    }
  }

  /**
   * Where the computer lets no thread be made, the pool throws, here or in an event, and hands the call on later all the
   * same: so it may make threads only here, and no thread begins what was given up.
   */
  #hand(pool: Piscina, packed: ThreadRequest, call: ThreadCall): Promise<ThreadAnswer> {
    const grows = this.#calls.size > pool.options.maxThreads;
    if (grows) pool.options.maxThreads = this.#settings.maxThreads;
    try {
      return pool.run(packed, { signal: call });
    } catch (error) {
      call.refused = true;
      throw error;
    } finally {
      if (grows) pool.options.maxThreads = pool.threads.length;
    }
  }

  #hasBegun(number: number, { place }: ThreadCall): boolean {
    return Atomics.load(this.#begun, place) === number;
  }

  async #whyItFailed(error: unknown, { call: number }: CallRequest, call: ThreadCall): Promise<Error> {
    if (call.gone !== undefined) {
      await call.gone;
      return lost('thread', 'was ended', error);
    }
    const begun = this.#hasBegun(number, call);
    if (!begun && isCloneError(error)) return notCloneable(error);
    return lost('thread', begun ? 'has ended while its handler was at work' : 'could not be made', error);
  }

  #listen(line: MessagePort): void {
    this.#lines.add(line);
    line.on('message', (news: ThreadNews) => this.#hear(news));
    line.on('close', () => this.#lines.delete(line));
    // Whether the process stays up is a matter of the calls at work, and of the pool.
    line.unref();
    // The thread was being made when these were told.
    for (const { abort } of this.#calls.values()) if (abort !== undefined) line.postMessage(abort);
  }

  #drain(line: MessagePort): void {
    for (let got = receiveMessageOnPort(line); got !== undefined; got = receiveMessageOnPort(line))
      this.#hear(got.message as ThreadNews);
  }

  #hear(news: ThreadNews): void {
    const call = this.#calls.get(news.call);
    if (call === undefined) return;
    call.heard += 1;
    if ('end' in news) call.end = news.end;
    else call.hear(news);
  }

  /** A thread has failed without a call: where it could not be made, nobody begins the calls that wait for it. */
  #threadFailed(error: unknown): void {
    this.#logger?.warn({ err: error }, 'A thread has failed while no handler was at work in it');
    for (const [number, call] of this.#calls) if (!this.#hasBegun(number, call)) call.kill();
  }
}

/** Not by its class: in some test runners it is one of another realm. */
function isCloneError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && Reflect.get(error, 'name') === 'DataCloneError';
}
