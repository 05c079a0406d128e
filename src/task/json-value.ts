/** What JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** What {@link toJsonValue} made of a value, or why it made nothing. */
export type JsonConversion =
  { readonly ok: true; readonly value: JsonValue } | { readonly ok: false; readonly reason: string };

/** Deeper values are refused: readers that recurse break on them. */
const MAX_DEPTH = 64;
/** Larger values are refused, in bytes of JSON, give or take escapes. */
const MAX_BYTES = 1_048_576;

/**
 * Turns any value into one that JSON can express, for results that leave the process.
 *
 * As `JSON.stringify` does it: dates and `toJSON` are honoured, `undefined` members are left out, `NaN` and the
 * infinities become null. Beyond it: a top-level `undefined` becomes null, a BigInt its decimal digits, an error
 * `{ name, message, code? }`. Refused, with the reason: cycles, functions, symbols, maps, sets, binary data, promises,
 * more than 64 levels, more than 1 MiB. Never throws, whatever getters and proxies do, and ends on every finite value.
 */
export function toJsonValue(value: unknown): JsonConversion {
  try {
    return { ok: true, value: new Conversion().convert(value) };
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
  #bytes = 0;

  convert(value: unknown): JsonValue {
    switch (typeof value) {
      case 'string':
        this.#spend(value.length + 2);
        return value;
      case 'number':
        this.#spend(8);
        return Number.isFinite(value) ? value : null;
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
    return converted;
  }

  #error(error: object): JsonValue {
    const [name, message, code] = ['name', 'message', 'code'].map((member): unknown => Reflect.get(error, member));
    const converted = { name: this.convert(textOr(name, 'Error')), message: this.convert(textOr(message, '')) };
    return typeof code === 'string' || typeof code === 'number'
      ? { ...converted, code: this.convert(code) }
      : converted;
  }

  #digits(value: bigint): JsonValue {
    // Turning a huge BigInt into digits takes seconds: its size is looked at first.
    if (BigInt.asIntN(65_536, value) !== value) throw new Refusal('it holds a BigInt of more than 65,536 bits');
    const digits = value.toString();
    this.#spend(digits.length + 2);
    return digits;
  }

  #spend(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > MAX_BYTES) throw new Refusal('it is larger than 1 MiB');
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

function isError(value: object): boolean {
  return value instanceof Error || kindOf(value) === 'Error';
}

function kindOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

function setMember(target: Record<string, JsonValue>, key: string, value: JsonValue): void {
  // Assigning to __proto__ would set the prototype instead of a member.
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  else target[key] = value;
}
