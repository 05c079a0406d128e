import {
  type Backend,
  type Holder,
  type Lease,
  type MakeBackend,
  memoryBackend,
  type NewRun,
} from '../../src/testing/index.js';
import { sqliteSubject } from '../backends/sqlite/contract-subject.js';

/** Some of the methods of a backend, done otherwise. */
export type Fault = (real: Backend) => Partial<Backend>;

/** A backend with some of its methods replaced. */
export function withFault(fault: Fault, real = memoryBackend()): Backend {
  const faults = fault(real);
  return new Proxy(real, {
    get: (target, member) => {
      const replaced: unknown = Reflect.get(faults, member);
      if (replaced !== undefined) return replaced;
      const value: unknown = Reflect.get(target, member);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

/** A backend that takes runs in, but not as they were asked for. */
export function accepting(otherwise: (run: NewRun) => Partial<NewRun>): Fault {
  return (real) => ({ accept: (run, ifActive) => real.accept({ ...run, ...otherwise(run) }, ifActive) });
}

/** A backend that passes holders on with some of their methods replaced. */
export function holding(otherwise: Partial<Holder>): Fault {
  return (real) => ({
    work: ({ freeSlots, take }) =>
      real.work({
        freeSlots,
        take: (run, lease) => {
          const holder = take(run, lease);
          return {
            begin: () => holder.begin(),
            cancel: (request) => holder.cancel(request),
            lost: () => holder.lost(),
            ...otherwise,
          };
        },
      }),
  });
}

/** SQLite with a fault. */
export function openedWith(fault: Fault): MakeBackend {
  return async () => {
    const subject = await sqliteSubject();
    return { ...subject, backend: withFault(fault, subject.backend) };
  };
}

/** SQLite with a fault after it was opened again. */
export function reopenedWith(fault: Fault): MakeBackend {
  return async () => {
    const subject = await sqliteSubject();
    return { ...subject, reopen: async () => withFault(fault, await subject.reopen()) };
  };
}

/** A backend that does something of its own as soon as it is open. */
export function onceOpen(act: (real: Backend) => unknown): Fault {
  return (real) => ({
    open: async (environment) => {
      await real.open(environment);
      await act(real);
    },
  });
}

/** SQLite, as if several processes shared it: a lease that is lost goes back to the queue. */
export async function losingSubject({ tells = true, fault = () => ({}) }: { tells?: boolean; fault?: Fault } = {}) {
  const subject = await sqliteSubject();
  const holders = new Map<Lease, Holder>();
  const real = withFault(
    (backend) => ({
      work: ({ freeSlots, take }) =>
        backend.work({
          freeSlots,
          take: (run, lease) => {
            const holder = take(run, lease);
            holders.set(lease, holder);
            return holder;
          },
        }),
    }),
    subject.backend,
  );
  const error = { code: 'LEASE_LOST', name: 'TaskError', message: '', attempt: 1, exposed: true } as const;
  return {
    ...subject,
    backend: withFault(fault, real),
    lose: async (lease: Lease) => {
      await real.settle(lease, { type: 'interrupted', error }, false);
      if (tells) holders.get(lease)?.lost();
    },
  };
}

/** What is wrong with a backend, the fact of the suite that says so, and how it is done. */
export type FaultRow = readonly [what: string, fact: string, fault: Fault];

/** The same, where a backend in memory does not do. */
export type MakeRow = readonly [what: string, fact: string, make: MakeBackend];
