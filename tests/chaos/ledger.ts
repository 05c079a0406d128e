import { ImportLedger } from './import-ledger.js';

/** What was found when all processes had been killed and the last one had done all that was left. */
export interface ChaosReport {
  readonly accepted: number;
  /** Runs that had begun in a process that was killed, and ended in a later one. */
  readonly recovered: number;
  /** Accepted runs that are not there, or have not ended. */
  readonly lost: readonly string[];
  /** Runs that began again after their end was told, and keys with two runs. */
  readonly duplicated: readonly string[];
  /** Runs that ended otherwise than they should have. */
  readonly unexpected: readonly string[];
}

/** Everything that the processes told, whichever of them, in the order in which they did. */
export class Ledger {
  readonly #accepted = new Map<string, string>();
  readonly #begun = new Map<string, Set<number>>();
  readonly #ended = new Map<string, string>();
  readonly #keys = new Map<string, string>();
  readonly #cancelled = new Set<string>();
  readonly #final = new Map<string, string>();
  readonly #imports = new ImportLedger();
  /** The schedules as they were when they were stopped, as JSON. */
  readonly #schedules = new Map<string, string>();
  readonly duplicated: string[] = [];

  /** @param line the number of the process, what happened, and to which run. */
  note(line: string): void {
    const [of, what, id = '', detail = ''] = line.split(' ');
    const life = Number(of);
    if (what === 'accepted') this.#accepted.set(id, detail);
    else if (what === 'began') this.#begin(life, id);
    else if (what === 'ended') this.#end(id, detail);
    else if (what === 'keyed') this.#key(id, detail);
    else if (what === 'cancelled') this.#cancelled.add(id);
    else if (what === 'final') this.#final.set(id, detail);
    else if (what === 'item') this.#imports.item(life, id, Number(detail));
    else if (what === 'schedule') this.#schedules.set(id, detail);
    else if (what === 'counts') this.#imports.counts(id, detail);
  }

  #begin(life: number, id: string): void {
    if (this.#ended.has(id)) this.duplicated.push(`${id} began again after it had ${String(this.#ended.get(id))}`);
    const lives = this.#begun.get(id) ?? new Set();
    this.#begun.set(id, lives.add(life));
  }

  #end(id: string, status: string): void {
    const before = this.#ended.get(id);
    if (before !== undefined && before !== status) this.duplicated.push(`${id} ended as ${before} and as ${status}`);
    this.#ended.set(id, status);
  }

  #key(key: string, id: string): void {
    const known = this.#keys.get(key);
    if (known !== undefined && known !== id) this.duplicated.push(`key ${key} has the runs ${known} and ${id}`);
    this.#keys.set(key, id);
  }

  /** Accepted runs that are not there; those of schedules with what is known of these. */
  #lost(): string[] {
    const missing = [...this.#accepted.keys()].filter((id) => !this.#final.has(id));
    const ofSchedule = (schedule: string) => missing.filter((id) => id.startsWith(`${schedule}@`));
    const ofSchedules = [...this.#schedules].flatMap(([id, told]) => {
      // More waited than may: so many were skipped, as it says itself.
      const { skipped } = JSON.parse(told) as { readonly skipped: number };
      const its = ofSchedule(id);
      return its.length <= skipped ? [] : its.map((run) => `${run}, of ${told}`);
    });
    return [...missing.filter((id) => !id.includes('@')), ...ofSchedules];
  }

  /** What is wrong. */
  report(): ChaosReport {
    const accepted = [...this.#accepted.keys()];
    const imports = this.#imports.report((id) => this.#final.get(id) === 'completed');
    const wrong = accepted.filter(
      (id) => ![undefined, 'crashed', this.#accepted.get(id)].includes(this.#final.get(id)),
    );
    const toldOtherwise = [...this.#ended].filter(([id, status]) => (this.#final.get(id) ?? status) !== status);
    const notCancelled = [...this.#cancelled].filter((id) => this.#final.get(id) !== 'cancelled');
    return {
      accepted: accepted.length,
      recovered: [...this.#begun.values()].filter((lives) => lives.size > 1).length,
      lost: [...this.#lost(), ...imports.lost],
      duplicated: [...this.duplicated, ...imports.duplicated],
      unexpected: [...wrong, ...toldOtherwise.map(([id]) => id), ...notCancelled]
        .map((id) => `${id} is ${String(this.#final.get(id))}`)
        .concat(imports.unexpected),
    };
  }
}
