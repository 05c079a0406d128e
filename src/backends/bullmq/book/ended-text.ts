import { FINAL_STATUSES } from '../../../task/status.js';
import { encodeValue } from '../../../task/stored-value.js';
import { FleetRun, type RunState } from '../runs/fleet-run.js';
import {
  type JobAddress,
  nameOf,
  originMembers,
  plain,
  readCheckpoint,
  readOriginMembers,
  readProgressMembers,
  readValue,
} from '../runs/run-texts.js';
import { FORM, foreign, TextMembers } from './text-members.js';

/**
 * All that is kept of a run that has ended, where no job says so. The input stays where the run may be redriven.
 *
 * @param checkpointText as it is kept, of a state that was read from it.
 */
export function endedText({ origin, state }: FleetRun, checkpointText: string | null): string {
  const inputText = state.status === 'failed' ? origin.inputText : null;
  return JSON.stringify({
    errand: FORM,
    ...stateMembers(state, checkpointText),
    origin: originMembers({ ...origin, inputText, checkpointText: null }),
  });
}

function stateMembers(state: RunState, checkpointText: string | null): object {
  const { progress, cancel, error, failures } = state;
  const texts = { value: textOf(state.result), cause: textOf(state.cause), checkpoint: checkpointText };
  return {
    ...withoutNulls({ dueAt: state.dueAt, startedAt: state.startedAt, cancel, error, ...texts }),
    version: state.version,
    status: state.status,
    attempt: state.attempt,
    updatedAt: state.updatedAt,
    finishedAt: state.finishedAt,
    ...(state.delays > 0 && { delays: state.delays }),
    ...(progress !== null && { progress: plain(progress) }),
    ...(state.abandoned && { abandoned: true }),
    ...(failures.length > 0 && { failures }),
  };
}

/** Null for undefined, and for a cause that cannot be kept: its name and message are. */
function textOf(value: unknown): string | null {
  const encoded = encodeValue(value);
  return encoded.ok ? encoded.text : null;
}

function withoutNulls(members: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(members).filter(([, member]) => member !== null));
}

/**
 * Reads what {@link endedText} wrote. What changes of a run that has ended stands beside it: its successor, and whether
 * a handler of it is still at work.
 *
 * @throws {TaskError} BACKEND when it is anything else.
 */
export function readEnded(
  address: JobAddress,
  text: string,
  later: { readonly redrivenBy: string | null; readonly active: boolean },
): FleetRun {
  const what = `The end of ${nameOf(address)}`;
  const members = TextMembers.parse(what, text);
  const inner = members.inner('origin');
  if (inner === undefined) throw foreign(what, 'it does not say what was started');
  const origin = readOriginMembers(address, inner);
  const state = { ...readState(address, members), ...later };
  if (later.redrivenBy !== null) state.version += 1;
  return new FleetRun(origin, state, () => readValue(address, origin.inputText));
}

function readState(address: JobAddress, members: TextMembers): RunState {
  const progress = members.inner('progress');
  const cancel = members.inner('cancel');
  return {
    version: members.integer('version'),
    status: members.oneOf('status', FINAL_STATUSES),
    attempt: members.integer('attempt'),
    delays: members.integer('delays', 0),
    progress: progress === undefined ? null : readProgressMembers(progress),
    dueAt: members.numberOrNull('dueAt'),
    startedAt: members.numberOrNull('startedAt'),
    updatedAt: members.number('updatedAt'),
    finishedAt: members.number('finishedAt'),
    cancel:
      cancel === undefined
        ? null
        : { at: cancel.number('at'), by: cancel.text('by'), reason: cancel.textOrNull('reason') },
    abandoned: members.flag('abandoned'),
    result: readValue(address, members.textOrNull('value')),
    error: members.error('error'),
    cause: readValue(address, members.textOrNull('cause')),
    failures: members.failures('failures'),
    redrivenBy: null,
    checkpoint: readCheckpoint(address, members.textOrNull('checkpoint')),
    active: false,
  };
}
