import { ERROR_CODES, TaskError } from '../../../task/errors.js';
import type { RunError, RunFailure } from '../../../task/run.js';

/** What every text of ours says of itself, so that nobody else's is taken for one. */
export const FORM = 1;

/**
 * The members of an object that was read from the server, each looked at before it is believed: whatever else writes
 * under our prefix must not become half a run.
 */
export class TextMembers {
  readonly #what: string;
  readonly #members: Readonly<Record<string, unknown>>;

  private constructor(what: string, members: Readonly<Record<string, unknown>>) {
    this.#what = what;
    this.#members = members;
  }

  /** @param what names the thing, for whoever has to look after it. @throws {TaskError} BACKEND when it is none of ours. */
  static of(what: string, value: unknown): TextMembers {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw foreign(what, 'it is no object');
    const members = new TextMembers(what, value as Readonly<Record<string, unknown>>);
    const form = members.#members['errand'];
    if (form !== FORM) throw foreign(what, `it is in the form ${String(form)}, not ${FORM}`);
    return members;
  }

  /** As {@link TextMembers.of}, of the text itself. */
  static parse(what: string, text: string): TextMembers {
    return TextMembers.of(what, parseJson(what, text));
  }

  text(name: string): string {
    const value = this.#members[name];
    return typeof value === 'string' ? value : this.#refuse(name);
  }

  /** Null where it is left out. */
  textOrNull(name: string): string | null {
    return this.#isThere(name) ? this.text(name) : null;
  }

  texts(name: string): readonly string[] {
    return this.#list(name).map((each) => (typeof each === 'string' ? each : this.#refuse(name)));
  }

  /** @param otherwise what it is where it is left out; without one it must be there. */
  integer(name: string, otherwise?: number): number {
    const value = this.#members[name] ?? otherwise;
    return typeof value === 'number' && Number.isSafeInteger(value) ? value : this.#refuse(name);
  }

  /** A number that need not be whole: times may have fractions. */
  number(name: string, otherwise?: number): number {
    const value = this.#members[name] ?? otherwise;
    return typeof value === 'number' && Number.isFinite(value) ? value : this.#refuse(name);
  }

  /** Null where it is left out. */
  numberOrNull(name: string): number | null {
    return this.#isThere(name) ? this.number(name) : null;
  }

  /** False where it is left out. */
  flag(name: string): boolean {
    const value = this.#members[name];
    return value === undefined || value === false ? false : value === true || this.#refuse(name);
  }

  oneOf<T extends string>(name: string, known: readonly T[], otherwise?: T): T {
    const value = this.#members[name] ?? otherwise;
    return known.find((each) => each === value) ?? this.#refuse(name);
  }

  /** The members of an object within; undefined where it is left out. */
  inner(name: string): TextMembers | undefined {
    if (!this.#isThere(name)) return undefined;
    const value = this.#members[name];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.#refuse(name);
    return new TextMembers(this.#what, value as Readonly<Record<string, unknown>>);
  }

  error(name: string): RunError | null {
    const error = this.inner(name);
    return error === undefined ? null : readError(error);
  }

  failures(name: string): readonly RunFailure[] {
    const failures = this.#list(name).map((each) => {
      const failure = new TextMembers(this.#what, (each ?? {}) as Readonly<Record<string, unknown>>);
      return Object.freeze({ ...readError(failure), at: failure.number('at') });
    });
    return Object.freeze(failures);
  }

  #isThere(name: string): boolean {
    return (this.#members[name] ?? null) !== null;
  }

  /** Empty where it is left out. */
  #list(name: string): readonly unknown[] {
    const value = this.#members[name] ?? [];
    return Array.isArray(value) ? (value as readonly unknown[]) : this.#refuse(name);
  }

  #refuse(name: string): never {
    throw foreign(this.#what, `its member ${name} is missing or of the wrong type`);
  }
}

/** Parses JSON. @throws {TaskError} BACKEND when it is none. */
export function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw foreign(what, 'it is no JSON');
  }
}

/** BACKEND: something on the server is not what this version of Errand writes there. */
export function foreign(what: string, why: string): TaskError {
  return new TaskError(
    'BACKEND',
    `${what} is not as this version of Errand writes it (${why}); give Errand a prefix that nothing else uses, or remove it there`,
  );
}

function readError(members: TextMembers): RunError {
  return Object.freeze({
    code: members.oneOf('code', ERROR_CODES),
    name: members.text('name'),
    message: members.text('message'),
    attempt: members.integer('attempt'),
    exposed: members.flag('exposed'),
  });
}
