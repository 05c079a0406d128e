import { randomBytes } from 'node:crypto';
import type { Measuring, Row, Side } from './row.js';
import { type BenchServer, benchServer, type BenchServerKind, serverMissing } from './servers.js';

/** Where one side is measured: names that begin with `prefix` are nobody else's, and removed when it has been. */
export interface FleetPlace {
  readonly url: string;
  readonly prefix: string;
}

/** A row that needs a server: it is left out where there is none. */
export function fleetRow(
  kind: BenchServerKind,
  row: Pick<Row, 'name' | 'title' | 'unit' | 'target' | 'pairs' | 'missing'>,
  measure: (place: FleetPlace, side: Side, measuring: Measuring) => Promise<number>,
): Row {
  let server: BenchServer | undefined;
  return {
    ...row,
    peer: true,
    missing: async () => (await row.missing?.()) ?? serverMissing(kind),
    open: async () => void (server = await benchServer(kind)),
    close: async () => server?.close(),
    measure: async (side, measuring) => {
      const place = { url: server?.url ?? '', prefix: `bench${randomBytes(6).toString('hex')}` };
      try {
        return await measure(place, side, measuring);
      } finally {
        await kind.remove(place.url, place.prefix);
      }
    },
  };
}
