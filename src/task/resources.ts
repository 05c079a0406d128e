/**
 * What handlers find in `ctx.resources`: a database, a mailer, an HTTP client. Empty here; an application says what there
 * is, once, and gives it to its manager:
 *
 * ```ts
 * declare module 'errand' {
 *   interface Resources { readonly db: Pool }
 * }
 * ```
 */
// It is there to be filled in by others.
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface Resources {}

/** How one resource comes and goes. */
export interface ResourceDefinition<Value> {
  /**
   * Makes it; may be asynchronous. The signal aborts when the manager is closed meanwhile.
   *
   * @param opened the resources named before this one. To take a later one out throws.
   */
  open(opened: Resources, ctx: { readonly signal: AbortSignal }): Value | PromiseLike<Value>;
  /** Lets it go; may be asynchronous, but is not waited for longer than the close of the manager may take. */
  close?(value: Value): unknown;
}

/** A definition for each member of {@link Resources}; any names where that was not filled in. */
export type ResourceDefinitions = [keyof Resources] extends [never]
  ? Readonly<Record<string, ResourceDefinition<unknown>>>
  : { readonly [Name in keyof Resources]: ResourceDefinition<Resources[Name]> };
