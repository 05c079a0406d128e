/** What JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** What a conversion made of a value, or why it made nothing. */
export type JsonConversion =
  { readonly ok: true; readonly value: JsonValue } | { readonly ok: false; readonly reason: string };

/** The members of an error that are converted. */
export interface ErrorMembers {
  readonly name: JsonValue;
  readonly message: JsonValue;
  /** Only texts and numbers are codes. */
  readonly code?: JsonValue;
  /** Only where the dialect asks for it. */
  readonly cause?: JsonValue;
}

/** How to write what JSON has no form for. */
export interface JsonDialect {
  /** `NaN`, an infinity, or −0 where the dialect asks for it. */
  number(value: number): JsonValue;
  bigint(digits: string): JsonValue;
  error(members: ErrorMembers): JsonValue;
  /** A plain object, all of whose members are converted. */
  members(members: { readonly [key: string]: JsonValue }): JsonValue;
  /** A valid date, as ISO 8601. As its `toJSON` says unless given. */
  readonly date?: (iso: string) => JsonValue;
  /** Whether causes of errors are converted too. Default false. */
  readonly withCauses?: boolean;
}

/** Deeper values are refused: readers that recurse break on them. */
const MAX_DEPTH = 64;
/** Larger values are refused, in bytes of JSON, give or take escapes. */
export const MAX_JSON_BYTES = 1_048_576;

/**
 * Turns any value into one that JSON can express, in a dialect. Never throws, whatever getters and proxies do, and ends
 * on every finite value; says why where it refuses.
 */
export function convertToJson(value: unknown, dialect: JsonDialect): JsonConversion {
  try {
    return { ok: true, value: new Conversion(dialect).convert(value) };
  } catch (error) {
    return { ok: false, reason: error instanceof Refusal ? error.reason : 'it threw while it was read' };
  }
}

class Refusal extends Error {
  constructor(readonly reason: string) {
    super(reason);
  }
}

class Conversion {
  /** The objects that the present one is part of. */
  readonly #path = new Set<object>();
  readonly #dialect: JsonDialect;
  #bytes = 0;

  constructor(dialect: JsonDialect) {
    this.#dialect = dialect;
  }

  convert(value: unknown): JsonValue {
    switch (typeof value) {
      case 'string':
        this.#spend(value.length + 2);
        return value;
      case 'number':
        this.#spend(8);
        return Number.isFinite(value) && !Object.is(value, -0) ? value : this.#dialect.number(value);
      case 'bigint':
        return this.#digits(value);
      case 'boolean':
      case 'undefined':
        this.#spend(5);
        return value ?? null;
      case 'object':
        this.#spend(4);
        return value === null ? null : this.#object(value);
      case 'function':
      case 'symbol':
        throw new Refusal(`it holds a ${typeof value}`);
    }
  }

  #object(value: object): JsonValue {
    if (this.#path.has(value)) throw new Refusal('it refers to itself');
    if (this.#path.size >= MAX_DEPTH) throw new Refusal(`it is nested more than ${MAX_DEPTH} levels deep`);
    this.#path.add(value);
    const converted = this.#contents(value);
    this.#path.delete(value);
    return converted;
  }

  #contents(value: object): JsonValue {
    if (Array.isArray(value)) return this.#array(value);
    refuseExotic(value);
    const { date } = this.#dialect;
    const at = date === undefined ? undefined : timeOf(value);
    if (date !== undefined && at !== undefined) return date(this.#spelled(at));
    const toJson: unknown = Reflect.get(value, 'toJSON');
    if (typeof toJson === 'function') return this.#replaced(value, Reflect.apply(toJson, value, ['']));
    return isError(value) ? this.#error(value) : this.#members(value);
  }

  /** As in `JSON.stringify`, what `toJSON` gave is not asked for its own `toJSON`. */
  #replaced(value: object, replacement: unknown): JsonValue {
    if (typeof replacement !== 'object' || replacement === null) return this.convert(replacement);
    if (replacement === value || Array.isArray(replacement)) {
      return Array.isArray(replacement) ? this.#array(replacement) : this.#members(value);
    }
    refuseExotic(replacement);
    return this.#members(replacement);
  }

  #array(array: readonly unknown[]): JsonValue {
    // Holes count too: a sparse array of a thousand million elements must not be walked.
    this.#spend(array.length);
    const converted: JsonValue[] = [];
    for (let at = 0; at < array.length; at += 1) converted.push(this.convert(array[at]));
    return converted;
  }

  #members(value: object): JsonValue {
    const converted: Record<string, JsonValue> = {};
    for (const key of Object.keys(value)) {
      const member: unknown = Reflect.get(value, key);
      if (member === undefined) continue;
      this.#spend(key.length + 4);
      setMember(converted, key, this.convert(member));
    }
    return this.#dialect.members(converted);
  }

  #error(error: object): JsonValue {
    const [name, message, code, cause] = ['name', 'message', 'code', 'cause'].map((member): unknown =>
      Reflect.get(error, member),
    );
    return this.#dialect.error({
      name: this.convert(textOr(name, 'Error')),
      message: this.convert(textOr(message, '')),
      ...((typeof code === 'string' || typeof code === 'number') && { code: this.convert(code) }),
      ...(this.#dialect.withCauses === true && cause !== undefined && { cause: this.convert(cause) }),
    });
  }

  #spelled(at: number): string {
    const iso = new Date(at).toISOString();
    this.#spend(iso.length + 12);
    return iso;
  }

  #digits(value: bigint): JsonValue {
    // Turning a huge BigInt into digits takes seconds: its size is looked at first.
    if (BigInt.asIntN(65_536, value) !== value) throw new Refusal('it holds a BigInt of more than 65,536 bits');
    const digits = value.toString();
    this.#spend(digits.length + 2);
    return this.#dialect.bigint(digits);
  }

  #spend(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > MAX_JSON_BYTES) throw new Refusal('it is larger than 1 MiB');
  }
}

const EXOTIC: ReadonlySet<string> = new Set([
  'Map',
  'Set',
  'WeakMap',
  'WeakSet',
  'WeakRef',
  'Promise',
  'ArrayBuffer',
  'SharedArrayBuffer',
  'DataView',
  'Blob',
  'Generator',
  'AsyncGenerator',
]);

/** These would read `{}` or be spelled out byte by byte: a silent loss. */
function refuseExotic(value: object): void {
  const kind = kindOf(value);
  if (EXOTIC.has(kind) || ArrayBuffer.isView(value)) throw new Refusal(`it holds a ${kind}`);
}

/** The instant of a valid date, also of one from another realm. */
function timeOf(value: object): number | undefined {
  if (kindOf(value) !== 'Date') return undefined;
  const at = Number(value);
  return Number.isNaN(at) ? undefined : at;
}

function isError(value: object): boolean {
  return value instanceof Error || kindOf(value) === 'Error';
}

function kindOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

/** Sets a member, whatever it is called. */
export function setMember<T>(target: Record<string, T>, key: string, value: T): void {
  // Assigning to __proto__ would set the prototype instead of a member.
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  else target[key] = value;
}
