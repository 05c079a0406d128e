/** How often processes died at records, as it is kept with their import. */
export interface StoredCrashes {
  /** Of records that have not ended: how many processes died while each was at work. */
  readonly counts: readonly (readonly [index: number, crashes: number])[];
  /** The records at work, exactly: each is kept here before it begins. */
  readonly atWork: readonly number[];
}

/** So many crashes make a record a suspect: it is begun alone then, lest others are blamed with it. */
const SUSPECT_AFTER = 2;

/**
 * For so many records after a crash, each is kept as at work before it begins, which costs half of the speed: one that
 * kills at once would never be known. One that takes longer is known by what ends meanwhile.
 */
const CAREFUL_FOR = 100;

/** What {@link ItemCrashes} are taken up from. */
export interface CrashFacts {
  readonly stored: StoredCrashes | null;
  /** What had begun and not ended, as far as that was kept: more or fewer than were at work. */
  readonly begun: readonly number[];
  /** How many processes have died at the import since it was kept last. */
  readonly crashes: number;
}

/**
 * At which records of an import processes died. One may progress for ever, and be killed again and again by one record
 * among those that are at work: each of them is counted, and the one that is there every time is found out.
 */
export class ItemCrashes {
  /** Whether there is something to be kept before the import goes on. */
  readonly changed: boolean;
  readonly #counts: Map<number, number>;
  readonly #suspects: ReadonlySet<number>;
  readonly #atWork = new Set<number>();
  /** How many records have still to end before there is nothing to be feared. */
  #carefulFor: number;

  constructor({ stored, begun, crashes }: CrashFacts) {
    this.#counts = new Map(stored?.counts);
    const blamed = crashes > 0 ? (stored?.atWork ?? begun) : [];
    for (const index of blamed) this.#counts.set(index, this.of(index) + 1);
    this.changed = blamed.length > 0;
    this.#carefulFor = crashes > 0 || this.#counts.size > 0 ? CAREFUL_FOR : 0;
    const suspects = [...this.#counts].filter(([, count]) => count >= SUSPECT_AFTER);
    this.#suspects = new Set(suspects.map(([index]) => index));
  }

  /** Whether each record is to be kept as at work before it begins. */
  get careful(): boolean {
    return this.#counts.size > 0 || this.#carefulFor > 0;
  }

  /** As it is to be kept. */
  get stored(): StoredCrashes | null {
    return this.careful ? { counts: [...this.#counts], atWork: [...this.#atWork] } : null;
  }

  /** Whether there are records that are to be handled alone, before all others. */
  get hasSuspects(): boolean {
    return this.#suspects.size > 0;
  }

  /** Whether a record is to be handled alone, before all others. */
  isSuspect(index: number): boolean {
    return this.#suspects.has(index);
  }

  /** How many processes died while this record was at work. */
  of(index: number): number {
    return this.#counts.get(index) ?? 0;
  }

  begin(index: number): void {
    this.#atWork.add(index);
  }

  end(index: number): void {
    if (this.#carefulFor > 0) this.#carefulFor -= 1;
    this.#atWork.delete(index);
    this.#counts.delete(index);
  }
}
