import { AT_ONCE, isBad, RECORDS } from './imported.js';

const failed = Array.from({ length: RECORDS }, (_, index) => index).filter(isBad).length;
const COUNTS = { total: RECORDS, succeeded: RECORDS - failed, failed, cancelled: 0 };

/** What the processes told of the records of imports. */
export class ImportLedger {
  /** How often each record of an import was begun, and in which lives. */
  readonly #imports = new Map<string, { readonly begun: Map<number, number>; readonly lives: Set<number> }>();
  readonly #counts = new Map<string, string>();

  item(life: number, id: string, index: number): void {
    const known = this.#imports.get(id) ?? { begun: new Map<number, number>(), lives: new Set<number>() };
    this.#imports.set(id, known);
    known.begun.set(index, (known.begun.get(index) ?? 0) + 1);
    known.lives.add(life);
  }

  counts(id: string, text: string): void {
    this.#counts.set(id, text);
  }

  /** What is wrong with the imports that have completed. */
  report(completed: (id: string) => boolean): { lost: string[]; duplicated: string[]; unexpected: string[] } {
    const ids = [...this.#counts.keys()].filter(completed);
    return {
      lost: ids.flatMap((id) => this.#lost(id)),
      duplicated: ids.flatMap((id) => this.#duplicated(id)),
      unexpected: ids.flatMap((id) =>
        this.#counts.get(id) === JSON.stringify(COUNTS) ? [] : [`${id} counts ${String(this.#counts.get(id))}`],
      ),
    };
  }

  #lost(id: string): string[] {
    const missing = RECORDS - (this.#imports.get(id)?.begun.size ?? 0);
    return missing === 0 ? [] : [`${missing} records of ${id}`];
  }

  /** A kill may make those begin again that were at work. */
  #duplicated(id: string): string[] {
    const { begun = new Map<number, number>(), lives = new Set() } = this.#imports.get(id) ?? {};
    const again = [...begun.values()].reduce((sum, times) => sum + times - 1, 0);
    const allowed = AT_ONCE * Math.max(0, lives.size - 1);
    return again <= allowed ? [] : [`${again} records of ${id} began again in ${lives.size} processes`];
  }
}
