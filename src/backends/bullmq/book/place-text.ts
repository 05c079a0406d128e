import type { Place, Placed } from './book.js';

/** Ordinals are made of the time, this many for each millisecond. */
const PER_MS = 4096;

/**
 * A place as a short text, since every run has one: lane, ordinal, version base, since and job, each on a line; of most
 * runs only the first two, which say the rest.
 */
export function writePlace({ id, place }: Placed): string {
  const { lane, ordinal, versionBase, since, jobId } = place;
  const short = `${lane}\n${ordinal}`;
  if (versionBase === 0 && since === Math.floor(ordinal / PER_MS) && jobId === id) return short;
  return `${short}\n${versionBase}\n${since}\n${jobId}`;
}

/** Reads what {@link writePlace} wrote, or the script that claims ids. */
export function readPlace(id: string, text: string): Place {
  const [lane = '', ordinal = '', versionBase = '', since = '', jobId = ''] = text.split('\n');
  return {
    jobId: jobId === '' ? id : jobId,
    lane,
    ordinal: Number(ordinal),
    versionBase: Number(versionBase),
    since: since === '' ? Math.floor(Number(ordinal) / PER_MS) : Number(since),
  };
}
