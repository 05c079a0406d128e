import { show } from '../task/checks.js';
import { remember } from './remember.js';
import { firstWhere } from './search.js';

/** Names only: not every Node takes an offset such as `+01:00`. */
const NAME = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/;
const OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;
/** How far apart {@link Zone.stretches} looks at the clocks. */
const STEP_MS = 3 * 86_400_000;

/** A stretch of time, both ends included, in which the clocks of a zone are not changed. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** A time zone: how far its clocks are from UTC, and when they are changed. Instants are epoch milliseconds. */
export class Zone {
  readonly #format: Intl.DateTimeFormat;
  /** The change that was found last: who asks for one asks for it again. */
  #change = NaN;

  /** @throws {RangeError} when this computer knows no such zone. */
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  }

  /** How many milliseconds the clocks are ahead of UTC. */
  offsetAt(instant: number): number {
    const [, sign, hours = 0, minutes = 0, seconds = 0] = OFFSET.exec(this.#format.format(instant)) ?? [];
    const ahead = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000;
    return sign === '-' ? -ahead : ahead;
  }

  /** What calendar and clocks show, as the instant at which UTC shows it. */
  wallAt(instant: number): number {
    return instant + this.offsetAt(instant);
  }

  /**
   * The instant in (`after`, `until`] at which the clocks are changed.
   *
   * @param until is at most three days later: since 1970 no zone has had two changes within six days.
   */
  changeIn(after: number, until: number): number | undefined {
    if (this.#change > after && this.#change <= until) return this.#change;
    const before = this.offsetAt(after);
    if (this.offsetAt(until) === before) return undefined;
    this.#change = firstWhere(after, until, (instant) => this.offsetAt(instant) !== before);
    return this.#change;
  }

  /** The stretches that make up the time from `from` to `to`, in order. */
  *stretches({ from, to }: Stretch): Generator<Stretch> {
    let start = from;
    let at = from;
    while (at < to) {
      const reach = Math.min(to, at + STEP_MS);
      const change = this.changeIn(at, reach);
      if (change !== undefined) {
        yield { from: start, to: change - 1 };
        start = change;
      }
      at = change ?? reach;
    }
    yield { from: start, to };
  }
}

const known = remember(64, (name) => new Zone(name));

/**
 * The zone of an IANA name such as `Europe/Berlin`; capitals make no difference.
 *
 * @throws {TypeError} when `name` is no string.
 * @throws {RangeError} when this computer knows no zone of that name.
 */
export function zoneOf(name: unknown): Zone {
  if (typeof name !== 'string') throw new TypeError(`timeZone must be the name of a time zone; got ${show(name)}`);
  try {
    if (NAME.test(name)) return known(name);
  } catch {
    // What Intl has to say about a name it does not know is said better below.
  }
  throw new RangeError(`timeZone must be a name such as UTC or Europe/Berlin that is known here; got ${show(name)}`);
}
