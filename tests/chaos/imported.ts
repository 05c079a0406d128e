/** How many records of imports the workers have at work at once. */
export const AT_ONCE = 4;
/** How many records an import of theirs has. */
export const RECORDS = 60;

/** Every seventh record is bad. */
export function isBad(index: number): boolean {
  return index % 7 === 3;
}
