/** 0, 1, 2 … as an import would see its items: one at a time, from a generator. */
export function* numbers(count: number): Generator<number> {
  for (let at = 0; at < count; at += 1) yield at;
}
