import type { FleetBook } from './book.js';
import type { LentBook } from './lent-book.js';
import type { StepBook } from './step-book.js';

/** What a book is made of. One object may be several of these. */
export interface BookParts {
  readonly open: FleetBook['open'];
  readonly places: Pick<
    FleetBook,
    'place' | 'placesOf' | 'page' | 'ofKind' | 'childrenOf' | 'forget' | 'expired' | 'unexpire'
  >;
  readonly claims: Pick<FleetBook, 'claim' | 'unclaim' | 'added' | 'unaddedJob' | 'unadded'>;
  readonly keys: Pick<FleetBook, 'keyOf' | 'dropKey' | 'keyEnded' | 'dropKeys' | 'haveKeys'>;
  readonly notes: Pick<
    FleetBook,
    | 'notesOf'
    | 'requestCancel'
    | 'cancels'
    | 'toCancel'
    | 'heldEnds'
    | 'dropCancel'
    | 'hold'
    | 'retryAt'
    | 'deliver'
    | 'checkpoint'
  >;
  readonly steps: StepBook;
  readonly lent: LentBook;
  readonly ends: Pick<FleetBook, 'end' | 'letGo'>;
  readonly tallies: Pick<FleetBook, 'tallies' | 'oldestEnds'>;
  readonly fleet: Pick<
    FleetBook,
    | 'head'
    | 'addLane'
    | 'pauseQueue'
    | 'schedules'
    | 'saveSchedule'
    | 'removeSchedule'
    | 'beat'
    | 'deadProcesses'
    | 'bury'
    | 'turn'
  >;
}

/** One book of its parts. */
export function composeBook({
  open,
  places,
  claims,
  keys,
  notes,
  steps,
  lent,
  ends,
  tallies,
  fleet,
}: BookParts): FleetBook {
  return {
    open,
    head: () => fleet.head(),
    // The connections are not the book's.
    close: () => Promise.resolve(),

    place: (...args) => places.place(...args),
    placesOf: (ids) => places.placesOf(ids),
    page: (below, limit) => places.page(below, limit),
    ofKind: (kind) => places.ofKind(kind),
    childrenOf: (parent, which) => places.childrenOf(parent, which),
    forget: (gone) => places.forget(gone),
    expired: (now, limit) => places.expired(now, limit),
    unexpire: (jobIds) => places.unexpire(jobIds),

    claim: (claim) => claims.claim(claim),
    unclaim: (claim) => claims.unclaim(claim),
    added: (jobId) => claims.added(jobId),
    unaddedJob: (jobId) => claims.unaddedJob(jobId),
    unadded: (before, limit) => claims.unadded(before, limit),

    keyOf: (name, now) => keys.keyOf(name, now),
    dropKey: (name, id) => keys.dropKey(name, id),
    keyEnded: (name, id, at) => keys.keyEnded(name, id, at),
    dropKeys: (now, limit) => keys.dropKeys(now, limit),
    haveKeys: (ids) => keys.haveKeys(ids),

    notesOf: (jobIds) => notes.notesOf(jobIds),
    requestCancel: (lane, jobId, cancel) => notes.requestCancel(lane, jobId, cancel),
    cancels: (lane) => notes.cancels(lane),
    toCancel: (limit) => notes.toCancel(limit),
    heldEnds: (limit) => notes.heldEnds(limit),
    dropCancel: (lane, jobId) => notes.dropCancel(lane, jobId),
    hold: (...args) => notes.hold(...args),
    retryAt: (...args) => notes.retryAt(...args),
    deliver: (lane, jobId, delivery) => notes.deliver(lane, jobId, delivery),
    checkpoint: (...args) => notes.checkpoint(...args),

    keepStep: (...args) => steps.keepStep(...args),
    stepsOf: (jobId) => steps.stepsOf(jobId),
    dropSteps: (jobId) => steps.dropSteps(jobId),

    limitLane: (lane, most) => lent.limitLane(lane, most),
    lend: (lane, jobId, token) => lent.lend(lane, jobId, token),
    takeBack: (...args) => lent.takeBack(...args),
    dropLent: (withinMs, now) => lent.dropLent(withinMs, now),

    end: (ended) => ends.end(ended),
    letGo: (lane, jobId) => ends.letGo(lane, jobId),
    tallies: (lanes, now) => tallies.tallies(lanes, now),
    oldestEnds: (lane, status, limit) => tallies.oldestEnds(lane, status, limit),

    addLane: (lane) => fleet.addLane(lane),
    pauseQueue: (queue, paused) => fleet.pauseQueue(queue, paused),
    schedules: () => fleet.schedules(),
    saveSchedule: (schedule, expectedVersion) => fleet.saveSchedule(schedule, expectedVersion),
    removeSchedule: (id) => fleet.removeSchedule(id),
    beat: (processId, forMs) => fleet.beat(processId, forMs),
    deadProcesses: () => fleet.deadProcesses(),
    bury: (processId) => fleet.bury(processId),
    turn: (name, forMs) => fleet.turn(name, forMs),
  };
}
