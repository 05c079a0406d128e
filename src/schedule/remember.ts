/** A `make` that remembers what it made for the last `limit` keys, so that keys from outside fill no memory. */
export function remember<T>(limit: number, make: (key: string) => T): (key: string) => T {
  const made = new Map<string, T>();
  return (key) => {
    const known = made.get(key);
    const value = known ?? make(key);
    made.delete(key);
    made.set(key, value);
    for (const oldest of made.keys()) {
      if (made.size <= limit) break;
      made.delete(oldest);
    }
    return value;
  };
}
