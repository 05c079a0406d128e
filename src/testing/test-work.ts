import type { Backend } from '../ports/backend.js';
import { GatedBackend } from './gated-backend.js';
import { activeResources, calm, HandlerTimers, moreThan, type Resources } from './real-work.js';
import { StoringBackend } from './storing-backend.js';

/** The work of a test's manager, seen from outside: who is at work, what they wait for, what they leave. */
export class TestWork {
  readonly gate: GatedBackend;
  readonly #timers = new HandlerTimers();
  readonly #atFirst: Resources = withOutput();
  /** What kept the process up when no handler was at work. */
  #idle: Resources = this.#atFirst;

  constructor(backend: Backend, inSteps: boolean) {
    this.gate = new GatedBackend(storing(backend), {
      inSteps,
      onFirstAtWork: () => (this.#idle = activeResources()),
      begin: (act) => this.#timers.within(act),
    });
  }

  /** Resolves when nothing is ready to go on any more. */
  calm(): Promise<void> {
    return calm({
      steps: () => this.gate.steps,
      isWaiting: () => this.gate.atWork.length > 0 && (this.#timers.waiting > 0 || moreThan(this.#idle).length > 0),
    });
  }

  /** Gives handlers their time that wait for what nobody can see: a thread, a computation of Node's own. */
  async somethingHappens(): Promise<boolean> {
    const gate = this.gate;
    const before = gate.steps;
    await calm({ steps: () => gate.steps, isWaiting: () => gate.steps === before && gate.atWork.length > 0 });
    return gate.steps !== before;
  }

  /** What keeps the process up; sockets and files that are being closed are given their time. */
  async stillOpen(): Promise<string[]> {
    const left = (): string[] => {
      const { waiting } = this.#timers;
      return [...(waiting > 0 ? [`${waiting} × a timer that a handler has set`] : []), ...moreThan(this.#atFirst)];
    };
    await calm({ steps: () => 0, isWaiting: () => left().length > 0 });
    return left().map((what) => `${what} keeps the process up`);
  }

  /** Looks at timers no more. */
  close(): void {
    this.#timers.close();
  }
}

/** The process's own output is opened when something is first written: that is nobody's leak. */
function withOutput(): Resources {
  for (const output of ['stdout', 'stderr']) Reflect.get(process, output);
  return activeResources();
}

/** What outlives a process writes and reads by itself. */
function storing(backend: Backend): Backend {
  return backend.durable ? backend : new StoringBackend(backend);
}
