/** What an idempotency key is called among those of all owners: owners are names and hold no space, so no two meet. */
export function keyNameOf(owner: string | null, key: string): string {
  return `${owner ?? ''} ${key}`;
}
