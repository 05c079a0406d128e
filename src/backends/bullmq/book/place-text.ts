import type { ParentName, Place, Placed } from './place.js';

/** Ordinals are made of the time, this many for each millisecond. */
const PER_MS = 4096;
/** The lines of a run that has no parent, at most. */
const ALONE_LINES = 5;

/**
 * A place as a short text, since every run has one: lane, ordinal, version base, since and job, each on a line; of most
 * runs only the first two, which say the rest. Of a child the ordinal and the id of its parent follow.
 */
export function writePlace(placed: Placed, parent: ParentName | null = null): string {
  const text = writeAlone(placed);
  if (parent === null) return text;
  const lines = text.split('\n');
  while (lines.length < ALONE_LINES) lines.push('');
  return [...lines, parent.ordinal, parent.id].join('\n');
}

function writeAlone({ id, place }: Placed): string {
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
