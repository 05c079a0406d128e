/** How far the work of a run has come, for whoever takes it up after its process has died. */
export interface Checkpoint {
  /** For the handler alone: whatever JSON can say. */
  readonly state: unknown;
  /** What the run keeps as its result where it is cancelled while no handler can say so; undefined for none. */
  readonly soFar: unknown;
}
