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
    return Math.min(Math.ceil(weigh(value, 0, { looks: 0, seen: undefined })), Number.MAX_SAFE_INTEGER);
  } catch {
    return OPAQUE;
  }
}

/** Strings of one character there is once each. */
function weightOfText(text: string): number {
  return text.length > 1 ? TEXT + text.length : 0;
}

/** What one weighing has met. Not a class: that would cost more than most values do. */
interface Scales {
  looks: number;
  /** Objects, and names of members. */
  seen: Set<unknown> | undefined;
}

function weigh(value: unknown, depth: number, scales: Scales): number {
  scales.looks += 1;
  if (typeof value === 'string') return weightOfText(value);
  if (typeof value !== 'object' || value === null) return 0;
  if (depth > MAX_DEPTH || !isNew(value, scales)) return 0;
  if (Array.isArray(value)) return weighArray(value, depth, scales);
  return isPlain(value) ? weighObject(value, depth, scales) : OPAQUE;
}

function weighArray(array: readonly unknown[], depth: number, scales: Scales): number {
  const { length } = array;
  if (length === 0) return EMPTY_ARRAY;
  const sample = sampleOf(length);
  let sum = 0;
  let looked = 0;
  for (; goesOn(looked, sample, scales); looked += 1) {
    sum += weigh(array[placeOf(looked, sample)], depth + 1, scales);
  }
  return ARRAY + SLOT * length + (sum * length) / looked;
}

function weighObject(object: Readonly<Record<string, unknown>>, depth: number, scales: Scales): number {
  const names = Object.keys(object);
  const { length } = names;
  const first = names[0];
  if (first === undefined) return EMPTY_OBJECT;
  const sample = sampleOf(length);
  let sum = 0;
  let looked = 0;
  for (; goesOn(looked, sample, scales); looked += 1) {
    const name = names[placeOf(looked, sample)] ?? '';
    sum += weigh(object[name], depth + 1, scales);
    if (length > SAMPLE) sum += TABLE_SLOT + name.length;
    else if (scales.looks > SMALL && isNew(name, scales)) sum += NEW_NAME + name.length;
  }
  return (isNumber(first) ? INDEXED : OBJECT) + SLOT * length + (sum * length) / looked;
}

/** Which members are looked at: evenly spread, beginning anywhere. */
interface Sample {
  readonly length: number;
  readonly count: number;
  readonly stride: number;
  readonly start: number;
}

const ALL_OF_A_FEW = Array.from({ length: SMALL + 1 }, (_, length) => ({ length, count: length, stride: 1, start: 0 }));

function sampleOf(length: number): Sample {
  const few = ALL_OF_A_FEW[length];
  if (few !== undefined) return few;
  const count = Math.min(length, SAMPLE);
  return { length, count, stride: Math.floor(length / count), start: Math.floor(Math.random() * length) };
}

function goesOn(looked: number, { count }: Sample, { looks }: Scales): boolean {
  return looked < count && (looked === 0 || looks < MAX_LOOKS);
}

function placeOf(looked: number, { start, stride, length }: Sample): number {
  return (start + looked * stride) % length;
}

/** Whether this was not met before. Small values are not worth remembering: what is in a circle ends by its depth. */
function isNew(what: unknown, scales: Scales): boolean {
  if (scales.looks <= SMALL) return true;
  scales.seen ??= new Set();
  if (scales.seen.has(what)) return false;
  scales.seen.add(what);
  return true;
}

/** Of this realm or another. */
function isPlain(value: object): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isNumber(name: string): boolean {
  const first = name.charCodeAt(0);
  return first >= 48 && first <= 57;
}
