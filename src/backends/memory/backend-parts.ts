import type { BackendEnvironment } from '../../ports/backend.js';
import { weightOf } from '../../task/weight.js';
import { Dispatcher } from '../live/dispatcher.js';
import { noJournal } from '../live/journal.js';
import { Children } from '../live/children.js';
import { EndedRuns } from './ended-runs.js';
import { KeptSteps } from './kept-steps.js';
import type { MemoryBudget } from './memory-budget.js';
import { RunCourse } from '../live/run-course.js';
import { RunIndex } from './run-index.js';
import { RunLife } from '../live/run-life.js';
import type { RunRecord } from '../live/run-record.js';

/** The parts of an open backend, wired together. */
export class BackendParts {
  readonly environment: BackendEnvironment;
  readonly index = new RunIndex();
  readonly life: RunLife;
  readonly dispatcher: Dispatcher;
  readonly course: RunCourse;
  readonly ended: EndedRuns;
  /** Those whose records are kept. */
  readonly children = new Children();
  readonly steps: KeptSteps;

  constructor(environment: BackendEnvironment, budget: MemoryBudget) {
    const { clock, retention } = environment;
    this.environment = environment;
    this.life = new RunLife(clock, noJournal);
    this.dispatcher = new Dispatcher({
      clock,
      life: this.life,
      journal: noJournal,
      onBroken: (lease, outcome) => void this.course.settle(lease, outcome, false),
    });
    this.ended = new EndedRuns({ clock, retention, budget, onGone: (record) => this.#gone(record) });
    this.steps = new KeptSteps(budget, () => this.ended.makeRoom());
    this.course = new RunCourse({
      environment,
      life: this.life,
      dispatcher: this.dispatcher,
      journal: noJournal,
      durable: false,
      onLighter: (record) => {
        budget.change(record, weightOf(record.input) + weightOf(record.result));
        this.ended.makeRoom();
      },
      shelve: (record) => this.ended.put(record),
    });
  }

  close(): void {
    this.dispatcher.stop();
    this.course.close();
    this.ended.close();
  }

  #gone(record: RunRecord): void {
    this.life.gone(record);
    this.dispatcher.waiting.leave(record.lane);
    this.index.remove(record);
    this.children.remove(record);
    this.environment.observer.forgotten(record);
  }
}
