import { nodeCrypto } from '../timing/node-crypto.js';

/**
 * A short text that is the same for two values exactly when JSON says the same of them, whatever the order of their
 * members. A date counts as its ISO text, and a member that is undefined as none.
 *
 * @throws {TypeError} when JSON would say too little to tell the value from others (`NaN`, a map, a regular expression),
 * or cannot say it at all (a cycle, a BigInt).
 */
export function fingerprint(value: unknown): string {
  return nodeCrypto().createHash('sha256').update(canonicalJson(value)).digest('base64');
}

function canonicalJson(value: unknown): string {
  try {
    return JSON.stringify(value, canonical);
  } catch (error) {
    const why = error instanceof LossError ? error.message : 'JSON.stringify() throws on it';
    throw new TypeError(
      `a start with an idempotencyKey needs an input that JSON can tell from every other: ${why}; ` +
        'give it as strings, finite numbers, booleans, null, arrays and plain objects, or start without a key',
      { cause: error },
    );
  }
}

class LossError extends Error {}

/** For `JSON.stringify`, which calls it with the parent as `this`, and with what a `toJSON` has given as `member`. */
function canonical(this: object, key: string, member: unknown): unknown {
  const given: unknown = Reflect.get(this, key);
  if (member === undefined && (given !== undefined || Array.isArray(this))) throw new LossError('it holds undefined');
  if (member === null && given !== null) throw new LossError('it holds an object that JSON makes null of');
  if (typeof member === 'number' && !Number.isFinite(member)) throw new LossError(`it holds ${member}`);
  if (typeof member === 'function' || typeof member === 'symbol') throw new LossError(`it holds a ${typeof member}`);
  return typeof member === 'object' && member !== null ? sorted(member) : member;
}

function sorted(value: object): object {
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  if (kind === 'Array') return value;
  // Whatever has a kind of its own keeps its state where JSON does not look.
  if (kind !== 'Object') throw new LossError(`it holds a value of the kind ${kind}`);
  // Entries keep a member named __proto__ a member.
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
