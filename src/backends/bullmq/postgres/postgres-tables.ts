/** What runs statements: a pool, or a client. */
export interface Queryable {
  // Whoever writes the statement knows what its rows are.
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
  query<R extends object>(text: string, values?: unknown[]): Promise<{ readonly rows: R[] }>;
}

/** Runs a call under a deadline. @throws {TaskError} BACKEND when it fails or takes too long. */
export type Call = <T>(what: string, call: () => Promise<T>) => Promise<T>;

/** What a value in a row or of a parameter may be. */
type Cell = string | number | boolean | null;
type Parameter = Cell | readonly Cell[];

/** What PostgreSQL says when two transactions got in each other's way: it was undone, and may be done again. */
const TRY_AGAIN = new Set(['40001', '40P01']);
const MOST_TRIES = 4;

/** Where tables are: names of schemas that were checked, nothing in them needs quotes. */
export interface Schemas {
  /** Ours. */
  readonly schema: string;
  /** BullMQ's. */
  readonly jobSchema: string;
}

/** Our tables in one schema, and BullMQ's in another: `withSchemas` says what stands for them in the texts that it runs. */
export class PostgresTables {
  readonly #pool: Queryable;
  readonly #call: Call;
  readonly #schemas: Schemas;
  readonly #texts = new Map<string, string>();

  constructor(pool: Queryable, schemas: Schemas, call: Call) {
    this.#pool = pool;
    this.#call = call;
    this.#schemas = schemas;
  }

  /** Runs one statement, whole or not at all. @throws {TaskError} BACKEND */
  rows<R extends object>(what: string, text: string, values: readonly Parameter[] = []): Promise<readonly R[]> {
    return this.#call(what, () => this.#try<R>(this.#withSchema(text), values));
  }

  /** How many rows a statement has changed. @throws {TaskError} BACKEND */
  async changed(what: string, text: string, values: readonly Parameter[] = []): Promise<number> {
    const rows = await this.rows<{ changed: number }>(
      what,
      `WITH changed AS (${text} RETURNING 1) SELECT count(*)::int AS changed FROM changed`,
      values,
    );
    return rows[0]?.changed ?? 0;
  }

  async #try<R extends object>(text: string, values: readonly Parameter[]): Promise<readonly R[]> {
    for (let tries = 1; ; tries += 1) {
      try {
        return (await this.#pool.query<R>(text, [...values])).rows;
      } catch (error) {
        const code: unknown = Reflect.get(Object(error), 'code');
        if (tries === MOST_TRIES || typeof code !== 'string' || !TRY_AGAIN.has(code)) throw error;
      }
    }
  }

  #withSchema(text: string): string {
    let known = this.#texts.get(text);
    if (known === undefined) {
      known = withSchemas(text, this.#schemas);
      this.#texts.set(text, known);
    }
    return known;
  }
}

/** A text in which `@` stands for our schema and the dot behind it, and `@jobs.` for that of BullMQ. */
export function withSchemas(text: string, { schema, jobSchema }: Schemas): string {
  return text.replaceAll('@jobs.', prefixOf(jobSchema)).replaceAll('@', prefixOf(schema));
}

/** What goes before the names in a schema. */
export function prefixOf(schema: string): string {
  return `"${schema}".`;
}
