/** Above so many members, only so many of them are looked at. */
const SAMPLE = 1_000;
/** At so many values in all it stops looking: a value of 1 MiB of JSON may have ten times as many. */
const MAX_LOOKS = 100_000;
const MAX_DEPTH = 100;
/** Names are remembered from this many values on: what a few of them take does not matter. */
const SMALL = 20;

// As measured on Node 20, in bytes: the heap after `JSON.parse` of many documents.
const SLOT = 8;
const TEXT = 24;
const EMPTY_ARRAY = 32;
const ARRAY = 48;
const EMPTY_OBJECT = 56;
const OBJECT = 24;
/** What objects take whose names are numbers. */
const INDEXED = 120;
/** A name that is new makes a new shape of objects. */
const NEW_NAME = 110;
/** An object of very many members is a table. */
const TABLE_SLOT = 48;
/** Anything that is not plain: who knows? */
const OPAQUE = 64;

/**
 * About how many bytes of memory a plain value holds: strings (a byte for each character), arrays and plain objects with
 * all that is in them, what occurs twice counted once. Numbers and the like weigh nothing by themselves; a thing of any
 * class, a `Map` or a `Buffer`, weighs 64 whatever it holds. Large values are estimated from a sample that is drawn at
 * random: 1,000 members of an array or object, 100,000 values in all. Never throws, also where a getter does.
 */
export function weightOf(value: unknown): number {
  if (typeof value === 'string') return weightOfText(value);
  if (typeof value !== 'object' || value === null) return 0;
  try {
    return Math.min(Math.ceil(new Scales().weigh(value, 0)), Number.MAX_SAFE_INTEGER);
  } catch {
    return OPAQUE;
  }
}

/** Strings of one character there is once each. */
function weightOfText(text: string): number {
  return text.length > 1 ? TEXT + text.length : 0;
}

class Scales {
  #looks = 0;
  /** Objects, and names of members. */
  #seen: Set<unknown> | undefined;

  weigh(value: unknown, depth: number): number {
    this.#looks += 1;
    if (typeof value === 'string') return weightOfText(value);
    if (typeof value !== 'object' || value === null) return 0;
    if (depth > MAX_DEPTH || !this.#isNew(value)) return 0;
    if (Array.isArray(value)) return this.#array(value, depth);
    return isPlain(value) ? this.#object(value, depth) : OPAQUE;
  }

  #array(array: readonly unknown[], depth: number): number {
    if (array.length === 0) return EMPTY_ARRAY;
    const members = this.#members(array.length, (at) => this.weigh(array[at], depth + 1));
    return ARRAY + SLOT * array.length + members;
  }

  #object(object: Readonly<Record<string, unknown>>, depth: number): number {
    const names = Object.keys(object);
    const first = names[0];
    if (first === undefined) return EMPTY_OBJECT;
    const isTable = names.length > SAMPLE;
    const members = this.#members(names.length, (at) => {
      const name = names[at] ?? '';
      return this.weigh(object[name], depth + 1) + (isTable ? TABLE_SLOT + name.length : this.#nameOf(name));
    });
    return (isNumber(first) ? INDEXED : OBJECT) + SLOT * names.length + members;
  }

  /** The sum over all members, from those that are looked at: evenly spread, beginning anywhere. */
  #members(length: number, weigh: (at: number) => number): number {
    const count = Math.min(length, SAMPLE);
    const stride = Math.floor(length / count);
    const start = length > SMALL ? Math.floor(Math.random() * length) : 0;
    let sum = 0;
    let looked = 0;
    for (; looked < count && (looked === 0 || this.#looks < MAX_LOOKS); looked += 1) {
      sum += weigh((start + looked * stride) % length);
    }
    return (sum * length) / looked;
  }

  #nameOf(name: string): number {
    return this.#looks > SMALL && this.#isNew(name) ? NEW_NAME + name.length : 0;
  }

  /** Whether this was not met before. Small values are not worth remembering: what is in a circle ends by its depth. */
  #isNew(what: unknown): boolean {
    if (this.#looks <= SMALL) return true;
    this.#seen ??= new Set();
    if (this.#seen.has(what)) return false;
    this.#seen.add(what);
    return true;
  }
}

/** Of this realm or another. */
function isPlain(value: object): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isNumber(name: string): boolean {
  const first = name.charCodeAt(0);
  return first >= 48 && first <= 57;
}
