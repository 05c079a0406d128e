/** The most that either side of a thumbnail has. */
export const MAX_SIDE = 500;
/** The most pixels that a picture may have: a small file may hold a picture that fills the memory. */
export const MAX_PIXELS = 40_000_000;
