import type { BackendEnvironment } from '../../../ports/backend.js';
import type { FleetServer } from '../server/fleet-server.js';
import type { JobMoves } from './job-moves.js';
import type { Lending } from './lending.js';
import type { Leases } from './leases.js';
import type { FleetTeller, RunEnds } from './run-ends.js';

/** What those work with who decide about the jobs that this process has locked. */
export interface DeliveringParts {
  readonly server: FleetServer;
  readonly environment: BackendEnvironment;
  readonly moves: JobMoves;
  readonly leases: Leases;
  readonly ends: RunEnds;
  readonly teller: FleetTeller;
  readonly lending: Pick<Lending, 'settle'>;
}
