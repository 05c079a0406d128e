import { type ChildProcess, fork } from 'node:child_process';
import type { CallAbort, CallRequest } from '../outside/call.js';
import { isOurs, type ProcessNews } from './process-call.js';
import type { ProcessSettings } from './process-settings.js';

/** Who is told what becomes of a {@link Child}. */
export interface ChildOwner {
  readonly onNews: (news: ProcessNews) => void;
  /** It has ended, or could not be made, and everything that it said was told. */
  readonly onEnded: (why: Error, made: boolean) => void;
}

/** A child process that executes one handler at a time. It keeps this process up only while it is {@link ref}'d. */
export class Child {
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;

  constructor({ entry, execArgv, env }: ProcessSettings, owner: ChildOwner) {
    this.#process = fork(entry(), [], {
      execArgv: [...execArgv],
      serialization: 'advanced',
      // Output passes on; the last one is how the child hears that this process has ended.
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
      ...(env && { env: { ...env } }),
    });
    this.#process.on('message', (said: unknown) => {
      if (isOurs(said)) owner.onNews(said.errand);
    });
    this.#ended = this.#end(owner);
    this.#pipe?.on('error', () => undefined);
  }

  /** @throws {Error} when the message cannot be cloned. */
  send(message: CallRequest | CallAbort): void {
    // One that has ended meanwhile, or could not be made, is told of by its end.
    if (this.#process.pid !== undefined) this.#process.send(message, () => undefined);
  }

  ref(): void {
    this.#process.ref();
    this.#process.channel?.ref();
  }

  unref(): void {
    this.#process.unref();
    this.#process.channel?.unref();
    this.#pipe?.unref();
  }

  /** Ends it, whatever it is doing. @returns resolves when it has ended. */
  kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    return this.#ended;
  }

  get #pipe(): { unref(): void; on(event: 'error', listener: () => void): unknown } | undefined {
    // Where the computer has no more of them, the process is not made, and has none.
    const { stdio } = this.#process as { readonly stdio?: readonly unknown[] };
    const pipe = stdio?.[4];
    return pipe as { unref(): void; on(event: 'error', listener: () => void): unknown } | undefined;
  }

  /** Messages may come after the exit, until the channel is closed. */
  #end(owner: ChildOwner): Promise<void> {
    const child = this.#process;
    return new Promise((resolve) => {
      const end = (why: Error): void => {
        owner.onEnded(why, child.pid !== undefined);
        resolve();
      };
      child.on('error', (error) => {
        if (child.pid === undefined) end(error);
      });
      child.on('exit', (code, signal) => {
        const why = new Error(`The process has ended with ${signal ?? `code ${String(code)}`}`);
        if (child.connected) child.once('disconnect', () => end(why));
        else end(why);
      });
      // A handler that closes the channel leaves a process that nobody can call.
      child.on('disconnect', () => child.kill('SIGKILL'));
    });
  }
}
